// What os/exec costs, with the clone flags of the founding article's program.
//
// Reads requests, one a line: the flags in hexadecimal, then the path of a command. Answers with two numbers of
// nanoseconds since the call: until Start returned, until Wait did; or with "error" and a sentence.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func measure(flags uintptr, path string) (time.Duration, time.Duration, error) {
	cmd := exec.Command(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if flags&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	started := time.Since(start)
	err := cmd.Wait()
	return started, time.Since(start), err
}

func main() {
	requests := bufio.NewScanner(os.Stdin)
	for requests.Scan() {
		var flags uintptr
		var path string
		if _, err := fmt.Sscanf(requests.Text(), "%x %s", &flags, &path); err != nil {
			fmt.Printf("error %v\n", err)
			continue
		}
		started, ended, err := measure(flags, path)
		if err != nil {
			fmt.Printf("error %v\n", err)
			continue
		}
		fmt.Printf("%d %d\n", started.Nanoseconds(), ended.Nanoseconds())
	}
}
