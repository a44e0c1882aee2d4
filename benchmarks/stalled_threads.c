// Preloaded by stalled_threads.py. Stops each of llvmpipe's threads for a moment after it has signalled that a picture
// is drawn, while it still holds that picture's lock. Counts the locks that are destroyed while they are held.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// Microseconds; the system makes about 60 of one. With a longer stop the program waits for the thread, which is
// harmless.
enum { MOMENT = 1 };

static unsigned long taken_down, held;

static int drawing(void) {
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    return strncmp(name, "llvmpipe-", 9) == 0;
}

int pthread_cond_broadcast(pthread_cond_t *condition) {
    static int (*next)(pthread_cond_t *);
    // The default version: dlsym would find the older one that x86-64 also has.
    if (!next) next = (int (*)(pthread_cond_t *))dlvsym(RTLD_NEXT, "pthread_cond_broadcast", "GLIBC_2.3.2");
    if (!next) next = (int (*)(pthread_cond_t *))dlsym(RTLD_NEXT, "pthread_cond_broadcast");
    int result = next(condition);
    if (drawing()) usleep(MOMENT);
    return result;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex) {
    static int (*next)(pthread_mutex_t *);
    if (!next) next = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_destroy");
    __atomic_add_fetch(&taken_down, 1, __ATOMIC_RELAXED);
    volatile int *lock = &mutex->__data.__lock;
    if (*lock) __atomic_add_fetch(&held, 1, __ATOMIC_RELAXED);
    while (*lock) usleep(MOMENT);  // otherwise memory would be damaged from here on
    return next(mutex);
}

__attribute__((destructor)) static void report(void) {
    dprintf(STDERR_FILENO, "locks taken down: %lu, while held: %lu\n", taken_down, held);
}
