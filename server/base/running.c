/* SPDX-License-Identifier: Apache-2.0 */
#include "base/running.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/zone.h"

#define RUNNING_LAYOUT 1
#define FAULT_STACK (64 * 1024)

static struct running nobody;
struct running *running = &nobody;

/* A slot per pair of cache lines. */
union slot {
    struct running running;
    char pad[256];
};

static union slot *slots;

bool running_open(void)
{
    weir_zone *zone = zone_open("weir:workers", RUNNING_SLOTS * sizeof(union slot), RUNNING_LAYOUT,
                                sizeof(struct running));

    slots = zone ? zone_at(zone) : NULL;
    return zone;
}

/* Two loaders may look at the same time; one whose loader was killed leaves its slot taken, until
 * its process is seen to be gone. */
uint32_t running_take_slot(unsigned generation, unsigned worker)
{
    for (uint32_t i = 1; i < RUNNING_SLOTS; i++) {
        struct running *slot = &slots[i].running;
        int owner = __atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE);

        if (owner > 0 && kill(owner, 0) != 0) {
            __atomic_compare_exchange_n(&slot->pid, &owner, 0, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED);
        }
        int expected = 0;
        if (__atomic_compare_exchange_n(&slot->pid, &expected, getpid(), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            *slot = (struct running){
                .pid = getpid(), .generation = generation, .worker = worker, .awake = true};
            return i;
        }
    }
    return 0;
}

void running_release_slot(uint32_t slot)
{
    if (slot) {
        __atomic_store_n(&slots[slot].running.pid, 0, __ATOMIC_RELEASE);
    }
}

struct running *running_slot(uint32_t slot)
{
    return &slots[slot].running;
}

void running_use_slot(uint32_t slot)
{
    if (slot) {
        running = &slots[slot].running;
        running->pid = getpid();
        if (getrandom(running->id_base, sizeof(running->id_base), 0) < 0) {
            running->id_base[0] = (uint64_t)running->pid;
        }
    }
}

/* ---- faults ---- */

static uintptr_t instruction(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* Installed with SA_RESETHAND: what was interrupted happens once more, and then kills. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    running->fault = (uintptr_t)info->si_addr;
    running->pc = instruction(context);
    running->signo = signo;
    if (info->si_code <= 0) { /* sent by a process, abort() included: nothing happens once more */
        raise(signo);
    } else {
        running->has_fault = signo == SIGSEGV || signo == SIGBUS;
    }
}

void running_catch_faults(void)
{
#ifndef __SANITIZE_ADDRESS__
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    /* A stack that has overflowed cannot carry the handler. */
    stack_t stack = {.ss_size = FAULT_STACK};

    stack.ss_sp =
        mmap(NULL, FAULT_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
#endif
}
