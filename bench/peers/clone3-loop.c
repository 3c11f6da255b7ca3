/*
 * The ground truth: what clone3(CLONE_VM|CLONE_VFORK|flags) costs a C program.
 *
 * Reads requests, one a line: the flags in hexadecimal, then the path of a command, or "-" for a child that exits at
 * once. Answers with three numbers of nanoseconds since the call: until the child ran, until clone3 returned, until it was reaped; or with
 * "error NAME errno". Everything that the child does is inline: it shares the stack of its suspended parent.
 *
 * There is no C library in it: a process of glibc, linked statically or not, pays one to two microseconds more for each
 * child (its thread-local storage, restartable sequences and mappings), and the kernel alone is to be timed.
 */
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call program");

static inline __attribute__((always_inline)) long call4(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0, sp\n bl program");

static inline __attribute__((always_inline)) long call4(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "No system call has been written for this processor"
#endif

static char line[4352], answer[128];
static unsigned long length;
static struct timespec before, runs, returned, reaped;
static volatile long failed;

static inline __attribute__((always_inline)) void stamp(struct timespec *at) {
  call4(SYS_clock_gettime, CLOCK_MONOTONIC, (long)at, 0, 0);
}

static void put(const char *text) {
  while (*text != 0) answer[length++] = *text++;
}

static void put_number(long number) {
  char digits[24];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0) answer[length++] = digits[--count];
}

static void put_since(const struct timespec *to) {
  put_number((to->tv_sec - before.tv_sec) * 1000000000L + (to->tv_nsec - before.tv_nsec));
}

static void put_error(const char *what, long number) {
  put("error ");
  put(what);
  put_number(number);
}

/* A request without its newline; 0 at the end of all. */
static int read_line(void) {
  for (unsigned long used = 0; used < sizeof line; used++) {
    if (call4(SYS_read, 0, (long)&line[used], 1, 0) <= 0) return 0;
    if (line[used] != '\n') continue;
    line[used] = 0;
    return 1;
  }
  return 0;
}

/* The flags before the first space, and what stands behind it; 0 when there is nothing. */
static const char *parse(unsigned long *flags) {
  const char *at = line;
  for (*flags = 0; *at != ' '; at++) {
    const int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : -1;
    if (digit < 0) return 0;
    *flags = *flags * 16 + (unsigned long)digit;
  }
  return at[1] == 0 ? 0 : at + 1;
}

static void serve(const char *path, unsigned long flags, const char *const *environment) {
  const int exits = path[0] == '-' && path[1] == 0;
  const char *const argv[] = {path, 0};
  struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | flags, .exit_signal = SIGCHLD};
  long pid = 0;
  int status = 0;
  /* A child that exits at once is made six times, and the last one counts: the first ones touch every page. */
  for (int pass = exits ? 0 : 5; pass < 6; pass++) {
    failed = 0;
    stamp(&before);
    pid = call4(SYS_clone3, (long)&args, sizeof args, 0, 0);
    if (pid == 0) {
      stamp(&runs);
      if (!exits) failed = call4(SYS_execve, (long)path, (long)argv, (long)environment, 0);
      call4(SYS_exit_group, failed != 0, 0, 0, 0);
    }
    stamp(&returned);
    if (pid < 0) break;
    call4(SYS_wait4, pid, (long)&status, 0, 0);
    stamp(&reaped);
  }
  if (pid < 0) return put_error("clone3 ", -pid);
  if (failed != 0) return put_error("execve ", -failed);
  if (status != 0) return put_error("status ", status);
  put_since(&runs);
  put(" ");
  put_since(&returned);
  put(" ");
  put_since(&reaped);
}

__attribute__((used, noreturn)) void program(const long *stack) {
  const char *const *const environment = (const char *const *)(stack + 1 + stack[0] + 1);
  while (read_line()) {
    unsigned long flags;
    const char *const path = parse(&flags);
    length = 0;
    if (path == 0) put_error("request ", 22);
    else serve(path, flags, environment);
    put("\n");
    call4(SYS_write, 1, (long)answer, (long)length, 0);
  }
  for (;;) call4(SYS_exit_group, 0, 0, 0, 0);
}
