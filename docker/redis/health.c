// Health check of Redis: exit code 0 when it takes the password and answers PING, which it refuses to do while it
// loads its file and after a write to it has failed. Otherwise 1, with the reason on standard error.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT 6379
#define PASSWORD_FILE "/run/secrets/redis.password"
#define PASSWORD_SIZE_MAX 256
#define TIMEOUT_SECONDS 3

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  exit(1);
}

// Reads the first line of the password file.
static void read_password(char password[PASSWORD_SIZE_MAX]) {
  FILE *file = fopen(PASSWORD_FILE, "r");
  if (!file) fail("no password: " PASSWORD_FILE ": %m");
  if (!fgets(password, PASSWORD_SIZE_MAX, file)) fail("no password in " PASSWORD_FILE);
  fclose(file);
  password[strcspn(password, "\r\n")] = 0;
}

static int connect_to_redis(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0) fail("no socket: %m");
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (connect(connection, (struct sockaddr *)&address, sizeof address)) fail("Redis does not listen: %m");
  return connection;
}

// Sends a command and expects the line `expected`.
static void ask(int connection, const char *command, const char *expected) {
  char answer[256] = "";
  size_t size = 0;
  if (write(connection, command, strlen(command)) < 0) fail("Redis does not listen to the end: %m");
  while (size < sizeof answer - 1 && !strchr(answer, '\n')) {
    ssize_t got = read(connection, answer + size, sizeof answer - 1 - size);
    if (got < 0) fail("Redis does not answer: %m");
    if (got == 0) fail("Redis hangs up");
    size += (size_t)got;
  }
  answer[strcspn(answer, "\r\n")] = 0;
  if (strcmp(answer, expected)) fail("Redis answers: %s", answer);
}

int main(void) {
  char password[PASSWORD_SIZE_MAX], command[PASSWORD_SIZE_MAX + 64];
  read_password(password);
  int connection = connect_to_redis();
  snprintf(command, sizeof command, "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n", strlen(password), password);
  ask(connection, command, "+OK");
  ask(connection, "*1\r\n$4\r\nPING\r\n", "+PONG");
  return 0;
}
