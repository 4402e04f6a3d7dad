// The Go client and the Go worker, unchanged, against whatever FAKTORY_URL names: pushes jobs one by one and in bulk, runs
// them, fails one, reads INFO; then runs what was posted to the API that API_URL names (posted.go). Prints a line per check
// and ends with status 1 at the first that does not hold.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	faktory "github.com/contribsys/faktory/client"
	worker "github.com/contribsys/faktory_worker_go"
)

func check(what string, holds bool, seen any) {
	if !holds {
		fmt.Printf("FAILED %s: %v\n", what, seen)
		os.Exit(1)
	}
	fmt.Printf("ok     %s: %v\n", what, seen)
}

func newJob(a, b int) *faktory.Job {
	return faktory.NewJob("math_add", map[string]any{"a": a, "b": b, "request_id": nil})
}

func main() {
	client, err := faktory.Open()
	check("the Go client opens", err == nil, err)

	const singles, bulk = 20, 200
	for i := range singles {
		if err := client.Push(newJob(i, 1)); err != nil {
			check("Push", false, err)
		}
	}
	check("Push", true, singles)

	jobs := make([]*faktory.Job, bulk)
	for i := range jobs {
		jobs[i] = newJob(i, 2)
	}
	refused, err := client.PushBulk(jobs)
	check("PushBulk", err == nil && len(refused) == 0, refused)

	refused, err = client.PushBulk([]*faktory.Job{newJob(1, 1), {Type: "", Jid: "without-jobtype", Args: []any{}}})
	check("PushBulk names the job that it refuses", err == nil && len(refused) == 1, refused)

	failing := faktory.NewJob("fails", 1)
	retries := 0
	failing.Retry = &retries
	check("Push of a job that fails", client.Push(failing) == nil, failing.Jid)

	latency, err := client.QueueSizes()
	check("QueueSizes", err == nil && latency["default"] == singles+bulk+2, latency)
	check("PauseQueues", client.PauseQueues("default") == nil, "default")
	check("ResumeQueues", client.ResumeQueues("default") == nil, "default")

	run(singles + bulk + 1)

	hash, err := client.Info()
	check("Info", err == nil, hash["server"])
	state, err := client.CurrentState()
	check("every job was processed", err == nil && state.Data.TotalProcessed+state.Data.TotalFailures >= singles+bulk+2, state.Data)
	check("one job failed", err == nil && state.Data.TotalFailures == 1, state.Data.TotalFailures)
	err = client.Clear(faktory.Retries)
	check("Clear", err == nil, err)

	runPosted(client)
	check("Close", client.Close() == nil, "END")
}

// Runs the worker until so many sums were computed and the failing job has failed.
func run(sums int) {
	var mutex sync.Mutex
	var seen, failed int
	done := make(chan struct{})
	finish := func() {
		if seen == sums && failed == 1 {
			close(done)
		}
	}
	manager := worker.NewManager()
	manager.Concurrency = 5
	manager.ProcessStrictPriorityQueues("default")
	manager.Register("math_add", func(ctx context.Context, args ...any) error {
		mutex.Lock()
		defer mutex.Unlock()
		operands := args[0].(map[string]any)
		if operands["b"].(float64) < 1 {
			return fmt.Errorf("wrong operands %v", operands)
		}
		seen++
		finish()
		return nil
	})
	manager.Register("fails", func(ctx context.Context, args ...any) error {
		mutex.Lock()
		defer mutex.Unlock()
		failed++
		finish()
		return fmt.Errorf("on purpose")
	})
	runUntil(manager, done, "every job")
	check("the Go worker saw", seen == sums && failed == 1, fmt.Sprintf("%d sums, %d failures", seen, failed))
}

// Runs the worker until `done`, then stops it.
func runUntil(manager *worker.Manager, done <-chan struct{}, what string) {
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_ = manager.RunWithContext(ctx)
		close(ended)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		check("the Go worker runs "+what+" in 30 s", false, "it did not")
	}
	check("the Go worker runs "+what, true, "in time")
	cancel()
	select {
	case <-ended:
		check("the Go worker stops", true, "in time")
	case <-time.After(30 * time.Second):
		check("the Go worker stops", false, "not in 30 s")
	}
}
