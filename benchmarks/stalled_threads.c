// Preloaded by stalled_threads.py: stops each of llvmpipe's threads for a moment where it has told that a picture
// is drawn and still holds that picture's lock, and counts the locks that are taken down while they are held.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// Microseconds, of which the system makes some 60. Not more: a thread that is stopped for longer has the program wait
// for it, which is what does no harm.
enum { MOMENT = 1 };

static unsigned long taken_down, held;

static int drawing(void) {
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    return strncmp(name, "llvmpipe-", 9) == 0;
}

int pthread_cond_broadcast(pthread_cond_t *condition) {
    static int (*next)(pthread_cond_t *);
    // Its default version; x86-64 has an older one besides, which dlsym would find.
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
    while (*lock) usleep(MOMENT);  // or memory would be damaged from here on
    return next(mutex);
}

__attribute__((destructor)) static void tell(void) {
    dprintf(STDERR_FILENO, "locks taken down: %lu, while held: %lu\n", taken_down, held);
}
