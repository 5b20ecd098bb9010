// Loaded before libc (LD_PRELOAD): writes down what a program asks of the disk, so that a test can take back what a
// power cut would, and makes syncs as slow as those of a slower disk.
//
//   DISK_SHIM_ROOT      only files under this folder are written down
//   DISK_SHIM_JOURNAL   where; one line an event, fields parted by tabs (test/support/power-cut.ts reads them)
//   DISK_SHIM_GRAVES    a folder of the same file system: keeps what an overwrite, a rename or an unlink takes away
//   DISK_SHIM_KILL_AT   the program kills itself once it has written down this many lines
//   DISK_SHIM_DELAY_MS  added to each fsync and fdatasync, whether there is a journal or not
//
//   C ino path           a file got this name        M path        a folder was made
//   R ino from to        a file was renamed          U path        a name was taken away
//   B id ino size        a sync begins, of so much   E id          it ended well
//   W id ino offset size bytes are about to be overwritten; GRAVES/id has the old ones
//
// GRAVES/ino-N is one more link to a file that loses its name. A line is written with one write, so lines of several
// threads never mix, and it is written before an effect it would undo and after one it would grant.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FD_MAX 4096
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int journal = -1;
static const char *root, *graves;
static size_t root_size;
static long delay_ms, kill_at;
static atomic_long next_id, lines;
static atomic_char tracked[FD_MAX];

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("DISK_SHIM_JOURNAL");
  const char *delay = getenv("DISK_SHIM_DELAY_MS");
  const char *kill_line = getenv("DISK_SHIM_KILL_AT");
  delay_ms = delay ? atol(delay) : 0;
  kill_at = kill_line ? atol(kill_line) : 0;
  root = getenv("DISK_SHIM_ROOT");
  graves = getenv("DISK_SHIM_GRAVES");
  if (!path || !root || !graves) return;
  root_size = strlen(root);
  int fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) abort();
  // High, so that the program's own numbers stay what they are without us.
  journal = fcntl(fd, F_DUPFD_CLOEXEC, 900);
  if (journal < 0) journal = fd;
  else syscall(SYS_close, fd);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
  char line[2 * PATH_MAX + 128];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (size < 0 || size >= (int)sizeof line || syscall(SYS_write, journal, line, size) != size) abort();
  if (atomic_fetch_add(&lines, 1) + 1 == kill_at) kill(getpid(), SIGKILL);
}

static int is_ours(const char *path) {
  return journal >= 0 && path && strncmp(path, root, root_size) == 0 && path[root_size] == '/';
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return strncmp(path, root, root_size) == 0 && (path[root_size] == '/' || path[root_size] == 0);
}

static void bury(const char *path) {
  struct stat status;
  char grave[PATH_MAX];
  if (lstat(path, &status) || !S_ISREG(status.st_mode)) return;
  snprintf(grave, sizeof grave, "%s/ino-%llu", graves, (unsigned long long)status.st_ino);
  if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, grave, 0) && errno != EEXIST) abort();
}

/** Keeps the bytes [offset, offset + size) of a file, as far as there are any, before they are written over. */
static void keep_old(int fd, const char *path, off_t offset, size_t size) {
  struct stat status;
  char grave[PATH_MAX];
  if (fstat(fd, &status) || !S_ISREG(status.st_mode) || offset >= status.st_size || size == 0) return;
  size_t kept = size < (size_t)(status.st_size - offset) ? size : (size_t)(status.st_size - offset);
  char *bytes = malloc(kept);
  // The program's own descriptor may be for writing only.
  int in = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (!bytes || in < 0 || pread(in, bytes, kept, offset) != (ssize_t)kept) abort();
  syscall(SYS_close, in);
  long id = atomic_fetch_add(&next_id, 1);
  snprintf(grave, sizeof grave, "%s/%ld-%d", graves, id, (int)getpid());
  int out = syscall(SYS_openat, AT_FDCWD, grave, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0 || syscall(SYS_write, out, bytes, kept) != (ssize_t)kept) abort();
  syscall(SYS_close, out);
  free(bytes);
  say("W\t%ld-%d\t%llu\t%lld\t%zu\n", id, (int)getpid(), (unsigned long long)status.st_ino, (long long)offset, kept);
}

static void overwrite(int fd, off_t offset, size_t size) {
  char path[PATH_MAX];
  if (journal < 0 || fd < 0 || fd >= FD_MAX || !tracked[fd]) return;
  int kept_errno = errno;
  if (path_of(fd, path)) {
    if (offset < 0) {
      int flags = fcntl(fd, F_GETFL);
      offset = flags >= 0 && (flags & O_APPEND) ? LLONG_MAX : lseek(fd, 0, SEEK_CUR);
    }
    if (offset >= 0) keep_old(fd, path, offset, size);
  } else tracked[fd] = 0;
  errno = kept_errno;
}

typedef struct { int ours, existed; } opening;

static opening before_open(const char *path, int truncates) {
  opening it = { is_ours(path), 0 };
  if (!it.ours) return it;
  int kept_errno = errno;
  struct stat status;
  it.existed = lstat(path, &status) == 0;
  if (it.existed && truncates && S_ISREG(status.st_mode) && status.st_size > 0) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
      keep_old(fd, path, 0, status.st_size);
      syscall(SYS_close, fd);
    }
  }
  errno = kept_errno;
  return it;
}

static void after_open(opening it, int fd, const char *path) {
  if (!it.ours || fd < 0) return;
  int kept_errno = errno;
  struct stat status;
  if (fd < FD_MAX) tracked[fd] = 1;
  if (!it.existed && fstat(fd, &status) == 0) say("C\t%llu\t%s\n", (unsigned long long)status.st_ino, path);
  errno = kept_errno;
}

#define OPEN_BODY(call)                                        \
  mode_t mode = 0;                                             \
  if (flags & (O_CREAT | O_TMPFILE)) {                         \
    va_list arguments;                                         \
    va_start(arguments, flags);                                \
    mode = va_arg(arguments, mode_t);                          \
    va_end(arguments);                                         \
  }                                                            \
  opening it = before_open(path, flags & O_TRUNC);             \
  int fd = call;                                               \
  after_open(it, fd, path);                                    \
  return fd;

int open(const char *path, int flags, ...) { OPEN_BODY(NEXT(open)(path, flags, mode)) }
int open64(const char *path, int flags, ...) { OPEN_BODY(NEXT(open64)(path, flags, mode)) }
int openat(int at, const char *path, int flags, ...) { OPEN_BODY(NEXT(openat)(at, path, flags, mode)) }
int openat64(int at, const char *path, int flags, ...) { OPEN_BODY(NEXT(openat64)(at, path, flags, mode)) }

#define FOPEN_BODY(name)                                       \
  opening it = before_open(path, mode[0] == 'w');              \
  FILE *file = NEXT(name)(path, mode);                         \
  if (file) after_open(it, fileno(file), path);                \
  return file;

FILE *fopen(const char *path, const char *mode) { FOPEN_BODY(fopen) }
FILE *fopen64(const char *path, const char *mode) { FOPEN_BODY(fopen64) }

static size_t total(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  return size;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  overwrite(fd, -1, size);
  return NEXT(write)(fd, bytes, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  overwrite(fd, -1, total(parts, count));
  return NEXT(writev)(fd, parts, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  overwrite(fd, offset, size);
  return NEXT(pwrite)(fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  overwrite(fd, offset, size);
  return NEXT(pwrite64)(fd, bytes, size, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  overwrite(fd, offset, total(parts, count));
  return NEXT(pwritev)(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  overwrite(fd, offset, total(parts, count));
  return NEXT(pwritev64)(fd, parts, count, offset);
}
int ftruncate(int fd, off_t size) {
  overwrite(fd, size, SSIZE_MAX);
  return NEXT(ftruncate)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
  overwrite(fd, size, SSIZE_MAX);
  return NEXT(ftruncate64)(fd, size);
}

static void wait_for_disk(void) {
  struct timespec pause = { delay_ms / 1000, (delay_ms % 1000) * 1000000L };
  while (delay_ms > 0 && nanosleep(&pause, &pause) && errno == EINTR) {}
}

static int synced(int fd, int (*sync)(int)) {
  char path[PATH_MAX];
  struct stat status;
  long id = -1;
  if (journal >= 0 && path_of(fd, path) && fstat(fd, &status) == 0) {
    id = atomic_fetch_add(&next_id, 1);
    say("B\t%ld-%d\t%llu\t%lld\t%s\n", id, (int)getpid(), (unsigned long long)status.st_ino, (long long)status.st_size, path);
  }
  wait_for_disk();
  int result = sync(fd);
  int kept_errno = errno;
  if (id >= 0 && result == 0) say("E\t%ld-%d\n", id, (int)getpid());
  errno = kept_errno;
  return result;
}

int fsync(int fd) { return synced(fd, NEXT(fsync)); }
int fdatasync(int fd) { return synced(fd, NEXT(fdatasync)); }

int rename(const char *from, const char *to) {
  int ours = is_ours(from) || is_ours(to);
  struct stat status = { 0 };
  int kept_errno = errno;
  if (ours && lstat(from, &status) == 0) bury(to);
  errno = kept_errno;
  int result = NEXT(rename)(from, to);
  if (ours && result == 0) say("R\t%llu\t%s\t%s\n", (unsigned long long)status.st_ino, from, to);
  return result;
}
int link(const char *from, const char *to) {
  int result = NEXT(link)(from, to);
  struct stat status;
  if (result == 0 && is_ours(to) && lstat(to, &status) == 0) say("C\t%llu\t%s\n", (unsigned long long)status.st_ino, to);
  return result;
}
int unlink(const char *path) {
  int ours = is_ours(path), kept_errno = errno;
  if (ours) bury(path);
  errno = kept_errno;
  int result = NEXT(unlink)(path);
  if (ours && result == 0) say("U\t%s\n", path);
  return result;
}
int rmdir(const char *path) {
  int result = NEXT(rmdir)(path);
  if (result == 0 && is_ours(path)) say("U\t%s\n", path);
  return result;
}
int mkdir(const char *path, mode_t mode) {
  int result = NEXT(mkdir)(path, mode);
  if (result == 0 && is_ours(path)) say("M\t%s\n", path);
  return result;
}
