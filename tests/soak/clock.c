/* SPDX-License-Identifier: Apache-2.0 */
/* A wall clock that can be set while a program runs: loaded before the C library, built by clock.py.
 *
 * The number of nanoseconds in the file that SOAK_CLOCK names is added to the wall clock. The monotonic clock stays
 * true, as on a machine whose clock somebody sets. Waiting until a time of day is done in short turns, so that a wait
 * that has begun feels a step as the system's own would. Waiting for a length of time is left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000LL
#define TURN_NS 100000000LL
/* A time of day is above this, a time since the start of the machine is below: 1985. */
#define TIME_OF_DAY_S 500000000LL

static const volatile int64_t *offset_file;
static int (*next_cond)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*next_sem)(sem_t *, const struct timespec *);
static long (*next_syscall)(long, ...);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SOAK_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *place = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        offset_file = place == MAP_FAILED ? NULL : place;
        close(file);
    }
    /* By version: the C library keeps an older one of this name for programs of another age. */
    next_cond = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!next_cond)
        next_cond = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    next_sem = dlsym(RTLD_NEXT, "sem_timedwait");
    next_syscall = dlsym(RTLD_NEXT, "syscall");
}

static int64_t offset_ns(void)
{
    return offset_file ? *offset_file : 0;
}

static int64_t true_ns(void)
{
    struct timespec now;
    next_syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return now.tv_sec * NS + now.tv_nsec;
}

static void move(struct timespec *at, int64_t by_ns)
{
    int64_t ns = at->tv_sec * NS + at->tv_nsec + by_ns;
    at->tv_sec = ns / NS;
    at->tv_nsec = ns % NS;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (syscall(SYS_clock_gettime, clock, now))
        return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        move(now, offset_ns());
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec at;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (kept)
        *kept = at.tv_sec;
    return at.tv_sec;
}

/* Return the end of the next turn of a wait until a time of day, by the true clock; say whether it is the last. */
static struct timespec turn(const struct timespec *until, int *is_last)
{
    int64_t wanted = until->tv_sec * NS + until->tv_nsec - offset_ns();
    int64_t end = true_ns() + TURN_NS;
    *is_last = wanted <= end;
    if (*is_last)
        end = wanted > 0 ? wanted : 0;
    return (struct timespec){end / NS, end % NS};
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    int is_last;
    if (until->tv_sec < TIME_OF_DAY_S)
        return next_cond(cond, mutex, until);
    struct timespec end = turn(until, &is_last);
    int result = next_cond(cond, mutex, &end);
    /* Whoever waits on a condition looks again when he wakes for nothing. */
    return result == ETIMEDOUT && !is_last ? 0 : result;
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until)
{
    int is_last, result;
    do {
        struct timespec end = turn(until, &is_last);
        result = next_sem(sem, &end);
    } while (result && errno == ETIMEDOUT && !is_last);
    return result;
}

long syscall(long number, ...)
{
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int each = 0; each < 6; each++)
        a[each] = va_arg(rest, long);
    va_end(rest);
    if (!next_syscall)
        next_syscall = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_futex && a[3] && (a[1] & FUTEX_CLOCK_REALTIME) && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
        int is_last;
        struct timespec end = turn((const struct timespec *)a[3], &is_last);
        long result = next_syscall(number, a[0], a[1], a[2], &end, a[4], a[5]);
        if (result && errno == ETIMEDOUT && !is_last)
            errno = EINTR; /* Woken for nothing, which a futex may be. */
        return result;
    }
    return next_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
