// Health check of tor: asks over the control socket how far tor has bootstrapped.
//   health              exit code 0 when tor can build circuits
//   health --answering  exit code 0 when tor answers at all
// Otherwise 1, with the reason on standard error.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL "/run/tor/control"
#define COOKIE "/run/tor/cookie"
#define COOKIE_SIZE 32
#define TIMEOUT_SECONDS 3

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  exit(1);
}

// Writes the cookie to `hex` as 64 hexadecimal digits.
static void read_cookie(char hex[2 * COOKIE_SIZE + 1]) {
  unsigned char cookie[COOKIE_SIZE + 1];
  FILE *file = fopen(COOKIE, "rb");
  if (!file) fail("tor has written no cookie: %m");
  size_t size = fread(cookie, 1, sizeof cookie, file);
  fclose(file);
  if (size != COOKIE_SIZE) fail("tor's cookie has %zu bytes", size);
  for (size_t i = 0; i < COOKIE_SIZE; i++) sprintf(hex + 2 * i, "%02x", cookie[i]);
}

static int connect_to_tor(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = CONTROL};
  struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
  int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connection < 0) fail("no socket: %m");
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (connect(connection, (struct sockaddr *)&address, sizeof address)) fail("tor does not listen: %m");
  return connection;
}

// Reads until tor closes, into `answer` as a string; what does not fit is left out.
static void read_answer(int connection, char *answer, size_t size_max) {
  size_t size = 0;
  for (;;) {
    ssize_t got = read(connection, answer + size, size_max - 1 - size);
    if (got < 0) fail("tor does not answer: %m");
    size += (size_t)got;
    answer[size] = 0;
    if (got == 0 || size == size_max - 1) return;
  }
}

int main(int count, char **arguments) {
  int answering_is_enough = count == 2 && strcmp(arguments[1], "--answering") == 0;
  if (count > 1 && !answering_is_enough) fail("usage: health [--answering]");

  char cookie[2 * COOKIE_SIZE + 1], request[256], answer[4096];
  read_cookie(cookie);
  int size = snprintf(request, sizeof request, "AUTHENTICATE %s\r\nGETINFO status/bootstrap-phase\r\nQUIT\r\n", cookie);
  int connection = connect_to_tor();
  if (write(connection, request, (size_t)size) != size) fail("tor does not listen to the end: %m");
  read_answer(connection, answer, sizeof answer);

  if (strncmp(answer, "250 ", 4)) fail("tor refuses: %.80s", answer);
  const char *progress = strstr(answer, "PROGRESS=");
  if (!progress) fail("tor does not say how far it is: %.80s", answer);
  int percent = atoi(progress + strlen("PROGRESS="));
  if (percent == 100 || answering_is_enough) return 0;
  const char *summary = strstr(progress, "SUMMARY=");
  fail("tor is bootstrapped to %d %%: %.*s", percent, summary ? (int)strcspn(summary + 8, "\r\n") : 0,
       summary ? summary + 8 : "");
}
