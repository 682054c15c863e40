/* SPDX-License-Identifier: Apache-2.0 */
/* measure COMMAND...: runs it with its output thrown away, and prints "MILLISECONDS PEAK OWN": how long it
 * took, the peak of its resident memory, and how much of what it had at its end was its own and not a page of
 * a file (both KiB). Exit status: the command's. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void run(char **command)
{
    int null = open("/dev/null", O_WRONLY);

    if (null >= 0)
        dup2(null, STDOUT_FILENO);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP); /* until the parent looks */
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

/* A line of /proc/PID/status, which is gone once the process is. */
static long status_of(pid_t process, const char *name)
{
    char path[64];
    char line[256];
    long value = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name), NULL, 10);
    if (file != NULL)
        fclose(file);
    return value;
}

/* Lets it run to its exit, where it stops once more. */
static int follow(pid_t child, long *peak, long *own)
{
    int status;

    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        int signal = WSTOPSIG(status);

        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            *peak = status_of(child, "VmHWM:");
            *own = status_of(child, "RssAnon:");
        }
        if (signal == SIGTRAP || signal == SIGSTOP)
            signal = 0;
        ptrace(PTRACE_CONT, child, NULL, (void *)(long)signal);
    }
    return status;
}

int main(int count, char **arguments)
{
    long peak = 0;
    long own = 0;
    double start;
    int status;
    pid_t child;

    if (count < 2) {
        fprintf(stderr, "usage: measure COMMAND...\n");
        return 2;
    }
    child = fork();
    if (child == 0)
        run(arguments + 1);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(long)PTRACE_O_TRACEEXIT);
    start = now();
    ptrace(PTRACE_CONT, child, NULL, NULL);
    status = follow(child, &peak, &own);
    printf("%.1f %ld %ld\n", now() - start, peak, own);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
