/* Stands between a program and the kernel (LD_PRELOAD): records what is done to the files of one directory, in order
 * and with contents, or lets it fail.
 *
 *   RECORDER_DIRECTORY  the directory, as its absolute path without links
 *   RECORDER_LOG        where to record; nothing is recorded without it
 *   RECORDER_FAIL       write:N   from the N-th write or change of length on, no space is left (ENOSPC); a file may shrink
 *                       short:N   the same, after half of that write
 *                       sync:N    the N-th sync of a file fails once (EIO); one of the directory never does, for SQLite does
 *                                 not look at its answer
 *
 * A record is a line, and the contents after that of a write:
 *
 *   create NAME · write NAME OFFSET LENGTH · truncate NAME LENGTH · sync NAME · lost NAME · unlink NAME · rename OLD NEW
 *
 * `lost` is a sync that failed; the directory itself has the name `.`. What is written to the file `said` is recorded
 * but never fails; writing `room` to it ends a lack of space. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define DESCRIPTORS 1024
#define NAME 64

enum fault { NONE, WRITE, SHORT, SYNC };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[PATH_MAX];
static size_t directory_length;
static int record = -1;
static enum fault fault = NONE;
static long calls_left;
/* The name of the file behind each descriptor, empty for files elsewhere. */
static char names[DESCRIPTORS][NAME];

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_truncate)(const char *, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static void give_up(const char *why) {
    fprintf(stderr, "recorder: %s: %s\n", why, strerror(errno));
    abort();
}

static void *find(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) give_up(name);
    return function;
}

__attribute__((constructor)) static void begin(void) {
    real_open = find("open");
    real_openat = find("openat");
    real_close = find("close");
    real_write = find("write");
    real_pwrite = find("pwrite");
    real_ftruncate = find("ftruncate");
    real_truncate = find("truncate");
    real_fsync = find("fsync");
    real_fdatasync = find("fdatasync");
    real_unlink = find("unlink");
    real_rename = find("rename");

    const char *where = getenv("RECORDER_DIRECTORY");
    if (where == NULL) return;
    directory_length = strlen(where);
    if (directory_length >= sizeof directory) give_up("RECORDER_DIRECTORY is too long");
    memcpy(directory, where, directory_length);
    const char *log = getenv("RECORDER_LOG");
    if (log != NULL) {
        record = real_open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (record < 0) give_up(log);
    }
    const char *fail = getenv("RECORDER_FAIL");
    if (fail != NULL) {
        if (strncmp(fail, "write:", 6) == 0) fault = WRITE;
        else if (strncmp(fail, "short:", 6) == 0) fault = SHORT;
        else if (strncmp(fail, "sync:", 5) == 0) fault = SYNC;
        else give_up(fail);
        calls_left = atol(strchr(fail, ':') + 1);
    }
}

/* The name of `path` in the directory, `.` for the directory itself, NULL for files elsewhere. */
static const char *inside(const char *path) {
    if (directory_length == 0 || strncmp(path, directory, directory_length) != 0) return NULL;
    const char *rest = path + directory_length;
    if (*rest == '\0' || strcmp(rest, "/.") == 0) return ".";
    if (*rest != '/' || strchr(rest + 1, '/') != NULL) return NULL;
    if (strlen(rest + 1) >= NAME) give_up("a name is too long");
    return rest + 1;
}

static const char *behind(int descriptor) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS || names[descriptor][0] == '\0') return NULL;
    return names[descriptor];
}

static void put(const void *bytes, size_t length) {
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = real_write(record, rest, length);
        if (written < 0) give_up("cannot record");
        rest += written;
        length -= (size_t)written;
    }
}

__attribute__((format(printf, 3, 4)))
static void note(const void *contents, size_t length, const char *format, ...) {
    if (record < 0) return;
    int error = errno;
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= sizeof line) give_up("a line is too long");
    put(line, (size_t)written);
    put(contents, length);
    errno = error;
}

/* Whether this call, one of those that the fault counts, must fail. */
static int is_hit(int of_writes) {
    if (fault == NONE || of_writes != (fault != SYNC)) return 0;
    if (calls_left > 1) {
        calls_left--;
        return 0;
    }
    return 1;
}

static int opened(int descriptor, const char *name, int existed, int flags) {
    if (descriptor < 0) return descriptor;
    if (descriptor >= DESCRIPTORS) give_up("too many files are open");
    strcpy(names[descriptor], name);
    if (!existed) note("", 0, "create %s\n", name);
    else if (flags & O_TRUNC) note("", 0, "truncate %s 0\n", name);
    return descriptor;
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    const char *name = inside(path);
    if (name == NULL) {
        return at == AT_FDCWD ? real_open(path, flags, mode) : real_openat(at, path, flags, mode);
    }
    pthread_mutex_lock(&lock);
    int existed = access(path, F_OK) == 0;
    int descriptor = opened(real_open(path, flags, mode), name, existed, flags);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

#define MODE(flags, mode)                                                  \
    mode_t mode = 0;                                                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                 \
        va_list arguments;                                                 \
        va_start(arguments, flags);                                        \
        mode = va_arg(arguments, mode_t);                                  \
        va_end(arguments);                                                 \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_any(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_any(at, path, flags, mode);
}

int close(int descriptor) {
    pthread_mutex_lock(&lock);
    if (behind(descriptor) != NULL) names[descriptor][0] = '\0';
    int result = real_close(descriptor);
    pthread_mutex_unlock(&lock);
    return result;
}

static ssize_t write_any(int descriptor, const void *bytes, size_t length, off_t offset, int seeks) {
    const char *name = behind(descriptor);
    if (name == NULL) {
        return seeks ? real_write(descriptor, bytes, length) : real_pwrite(descriptor, bytes, length, offset);
    }
    pthread_mutex_lock(&lock);
    int speech = strcmp(name, "said") == 0;
    if (speech && fault != SYNC && length >= 4 && memcmp(bytes, "room", 4) == 0) fault = NONE;
    if (!speech && is_hit(1)) {
        if (fault != SHORT || length < 2) {
            pthread_mutex_unlock(&lock);
            errno = ENOSPC;
            return -1;
        }
        fault = WRITE;
        length /= 2;
    }
    if (seeks) offset = lseek(descriptor, 0, SEEK_CUR);
    ssize_t written =
        seeks ? real_write(descriptor, bytes, length) : real_pwrite(descriptor, bytes, length, offset);
    if (written > 0) note(bytes, (size_t)written, "write %s %lld %zd\n", name, (long long)offset, written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    return write_any(descriptor, bytes, length, 0, 1);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    return write_any(descriptor, bytes, length, offset, 0);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
    return write_any(descriptor, bytes, length, offset, 0);
}

int ftruncate(int descriptor, off_t length) {
    const char *name = behind(descriptor);
    if (name == NULL) return real_ftruncate(descriptor, length);
    pthread_mutex_lock(&lock);
    struct stat before;
    if (fstat(descriptor, &before) != 0) give_up(name);
    int result = -1;
    /* A file that gets shorter takes no space. */
    if (is_hit(1) && length > before.st_size) errno = ENOSPC;
    else result = real_ftruncate(descriptor, length);
    if (result == 0) note("", 0, "truncate %s %lld\n", name, (long long)length);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int descriptor, off_t length) {
    return ftruncate(descriptor, length);
}

int truncate(const char *path, off_t length) {
    const char *name = inside(path);
    if (name == NULL) return real_truncate(path, length);
    pthread_mutex_lock(&lock);
    int result = real_truncate(path, length);
    if (result == 0) note("", 0, "truncate %s %lld\n", name, (long long)length);
    pthread_mutex_unlock(&lock);
    return result;
}

int truncate64(const char *path, off_t length) {
    return truncate(path, length);
}

static int sync_any(int descriptor, int (*real)(int)) {
    const char *name = behind(descriptor);
    if (name == NULL) return real(descriptor);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (strcmp(name, ".") != 0 && is_hit(0)) {
        fault = NONE;
        errno = EIO;
    } else {
        result = real(descriptor);
    }
    note("", 0, "%s %s\n", result == 0 ? "sync" : "lost", name);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int descriptor) {
    return sync_any(descriptor, real_fsync);
}

int fdatasync(int descriptor) {
    return sync_any(descriptor, real_fdatasync);
}

int unlink(const char *path) {
    const char *name = inside(path);
    if (name == NULL) return real_unlink(path);
    pthread_mutex_lock(&lock);
    int result = real_unlink(path);
    if (result == 0) note("", 0, "unlink %s\n", name);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *old, const char *new) {
    const char *name = inside(old), *other = inside(new);
    if (name == NULL && other == NULL) return real_rename(old, new);
    if (name == NULL || other == NULL) give_up("a file moves into or out of the directory");
    pthread_mutex_lock(&lock);
    int result = real_rename(old, new);
    if (result == 0) note("", 0, "rename %s %s\n", name, other);
    pthread_mutex_unlock(&lock);
    return result;
}
