/* A file system that fails: preloaded, it lets the n-th call that writes below a folder fail as a full disk does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static long failing, calls;
static int stays;
static char written[65536];

void arm(const char *below, long n, int from_then_on) {
  strncpy(folder, below, sizeof folder - 1);
  failing = n, calls = 0, stays = from_then_on;
  memset(written, 0, sizeof written);
}

long counted(void) { return calls; }

static int fails(void) {
  ++calls;
  if (failing && (calls == failing || (stays && calls > failing))) return errno = ENOSPC;
  return 0;
}

static int below(int at, const char *path) {
  char place[PATH_MAX];
  if (!folder[0]) return 0;
  if (path[0] != '/') {
    if (at != AT_FDCWD || !getcwd(place, sizeof place)) return 0;
    return !strncmp(place, folder, strlen(folder));
  }
  return !strncmp(path, folder, strlen(folder));
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MODE va_list rest; va_start(rest, flags); mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; va_end(rest)
#define OPEN(call, at) \
  int changes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) && below(at, path); \
  if (changes && fails()) return -1; \
  int made = call; \
  if (made >= 0 && made < (int)sizeof written) written[made] = changes; \
  return made

int open(const char *path, int flags, ...) { MODE; OPEN(REAL(open)(path, flags, mode), AT_FDCWD); }
int open64(const char *path, int flags, ...) { MODE; OPEN(REAL(open64)(path, flags, mode), AT_FDCWD); }
int openat(int at, const char *path, int flags, ...) { MODE; OPEN(REAL(openat)(at, path, flags, mode), at); }
int openat64(int at, const char *path, int flags, ...) { MODE; OPEN(REAL(openat64)(at, path, flags, mode), at); }

int close(int file) {
  if (file >= 0 && file < (int)sizeof written) written[file] = 0;
  return REAL(close)(file);
}

ssize_t write(int file, const void *content, size_t size) {
  if (file >= 0 && file < (int)sizeof written && written[file] && fails()) {
    ssize_t half = REAL(write)(file, content, size / 2);  /* what a full disk still took */
    (void)half;
    errno = ENOSPC;
    return -1;
  }
  return REAL(write)(file, content, size);
}

int rename(const char *from, const char *to) {
  if (below(AT_FDCWD, to) && fails()) return -1;
  return REAL(rename)(from, to);
}

int renameat(int at, const char *from, int there, const char *to) {
  if (below(there, to) && fails()) return -1;
  return REAL(renameat)(at, from, there, to);
}

int mkdir(const char *path, mode_t mode) {
  if (below(AT_FDCWD, path) && fails()) return -1;
  return REAL(mkdir)(path, mode);
}
