/* Run a network forward and backward on the CPU. Compiled and called by kernels.py.

   Buffers are float32, channels last. A pixel's channels are padded with zeros to whole vectors. A
   frame of zeros surrounds a buffer where a later operation reads past its edges, so that no kernel
   needs to check for edges. */

#include "kernels_convolve.h"
#include "kernels_maps.h"
#include "kernels_winograd.h"

struct progress {
    _Atomic int64_t begun, done;
    int64_t padding[6]; /* to a cache line each */
};

static void strip(const op *first, const job *job, int64_t count);
static void part(const op *whole, const job *job, int64_t task);

static void perform(const op *op, const job *job, int64_t task) {
    switch (op->kind) {
    case CONVOLVE: convolve(op, job->memory, task); break;
    case DEPTHWISE: depthwise(op, job->memory, task); break;
    case WINOGRAD: winograd(op, job->memory, job->scratch, task); break;
    case POOL: pool(op, job->memory, task); break;
    case UNPOOL: unpool(op, job->memory, task); break;
    case SUM: sum(op, job->memory, task); break;
    case FRAME: frame(op, job->memory); break;
    case LOAD_PICTURE: load_picture(op, job, task); break;
    case STORE_GRADIENT: store_gradient(op, job, task); break;
    case STRIPS: strip(op + 1 + task * op->segments, job, op->segments); break;
    default: part(op, job, task);
    }
}

/* Do `count` operations one after the other on one thread: what each writes stays in its cache. */
static void strip(const op *first, const job *job, int64_t count) {
    int64_t scratch = ((intptr_t)job->scratch - (intptr_t)job->memory) / (intptr_t)sizeof(float);
    for (const op *each = first; each < first + count; each++) {
        op own = *each;
        if (own.in.offset >= SCRATCH / 2) own.in.offset += scratch - SCRATCH;
        if (own.out.offset >= SCRATCH / 2) own.out.offset += scratch - SCRATCH;
        perform(&own, job, 0);
    }
}

/* Do a row of operations for some of the channels: each reads what the one before it wrote. */
static void part(const op *whole, const job *job, int64_t task) {
    int64_t channels[2];
    share(whole->channels, PANEL, whole->column_blocks, task, channels);
    for (const op *each = whole + 1; each <= whole + whole->segments; each++) {
        op own = *each;
        int64_t first = channels[0];
        own.channels = channels[1] - first;
        own.out.offset += first;
        if (own.add.offset >= 0) own.add.offset += first;
        if (own.bias) own.bias += first;
        if (own.kind == DEPTHWISE) own.in.offset += first, own.weight += first;
        else own.weight += first * own.segments * own.depth;
        perform(&own, job, 0);
    }
}

/* Take tasks until all are done. An operation begins when the tasks of the one before it are done,
   not when all threads have arrived: a thread that the system keeps from running delays nobody. */
static void *work(void *given) {
    const job *job = given;
    for (int64_t i = 0; i < job->count; i++) {
        const op *op = job->ops + i;
        struct progress *at = job->progress + i;
        int64_t tasks = op->row_blocks * op->column_blocks, task;
        if (op->kind == STRIPS) i += tasks * op->segments;
        if (op->kind == PARTS) i += op->segments;
        while ((task = atomic_fetch_add(&at->begun, 1)) < tasks) {
            perform(op, job, task);
            atomic_fetch_add(&at->done, 1);
        }
        for (int checks = 0; atomic_load(&at->done) < tasks; checks++)
            if (checks > 1000) sched_yield();
    }
    return 0;
}

int lanes(void) { return LANES; }

/* Run the operations on at most 64 threads. progress: a cache line for each operation; scratch:
   `each` floats for each thread. */
void run(const op *ops, int64_t count, void *progress, int threads, float *memory, float *scratch,
         int64_t each, const float *picture, float *gradient) {
    job jobs[64];
    pthread_t others[64];
    int started = 0;
    memset(progress, 0, count * sizeof(struct progress));
    for (int i = 0; i < threads; i++)
        jobs[i] = (job){ops, count, progress, memory, scratch + i * each, picture, gradient};
    for (int i = 1; i < threads; i++)
        if (!pthread_create(others + started, 0, work, jobs + i)) started++;
    work(jobs);
    while (started--) pthread_join(others[started], 0);
}
