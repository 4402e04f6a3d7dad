package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"sync"
	"time"

	faktory "github.com/contribsys/faktory/client"
	worker "github.com/contribsys/faktory_worker_go"
)

// A job as it is posted to `POST /jobs`: a jobtype that is passed through, with options.
type posted struct {
	Jobtype string         `json:"jobtype"`
	Args    []any          `json:"args"`
	Queue   string         `json:"queue"`
	Retry   int            `json:"retry"`
	Custom  map[string]any `json:"custom,omitempty"`
	At      string         `json:"at,omitempty"`
}

// Posts it to the API that API_URL names; gives its id.
func (job posted) post() string {
	body, err := json.Marshal(job)
	if err != nil {
		check("the job is JSON", false, err)
	}
	response, err := http.Post(os.Getenv("API_URL")+"/jobs", "application/json", bytes.NewReader(body))
	if err != nil {
		check("POST /jobs", false, err)
	}
	defer response.Body.Close()
	var told map[string]any
	err = json.NewDecoder(response.Body).Decode(&told)
	check("POST /jobs of "+job.Jobtype, err == nil && response.StatusCode == 202, told)
	return told["job_id"].(string)
}

// Posts jobs over HTTP, runs them with the Go worker, and compares what it was given.
func runPosted(client *faktory.Client) {
	at := time.Now().Add(3 * time.Second).UTC().Truncate(time.Millisecond)
	large := make([]any, 3000)
	for index := range large {
		large[index] = fmt.Sprintf("größe %d 😀", index)
	}
	custom := map[string]any{"tenant": []any{"ä", 7.0}}
	jobs := map[string]posted{}
	for _, job := range []posted{
		{Jobtype: "go.Report", Args: []any{"grüße 😀", map[string]any{"deep": []any{nil, -1.5e-7, "<&>"}}}, Queue: "reports", Retry: 3, Custom: custom},
		{Jobtype: "go.Large", Args: large, Queue: "go", Retry: 25},
		{Jobtype: "go.Later", Args: []any{}, Queue: "go", Retry: -1, At: at.Format("2006-01-02T15:04:05.000Z07:00")},
		{Jobtype: "go.Retried", Args: []any{1.0}, Queue: "go", Retry: 1},
		{Jobtype: "go.Buried", Args: []any{2.0}, Queue: "go", Retry: -1},
		{Jobtype: "go.Forgotten", Args: []any{3.0}, Queue: "go", Retry: 0},
	} {
		jobs[job.post()] = job
	}
	state, err := client.CurrentState()
	check("the job with a time is scheduled", err == nil && state.Data.Sets["scheduled"] == 1, state.Data.Sets)

	var mutex sync.Mutex
	seen := map[string]*faktory.Job{}
	done := make(chan struct{})
	manager := worker.NewManager()
	manager.Concurrency = 5
	manager.ProcessStrictPriorityQueues("reports", "go")
	manager.Use(func(ctx context.Context, job *faktory.Job, next func(context.Context) error) error {
		err := next(ctx)
		mutex.Lock()
		defer mutex.Unlock()
		if job.Type == "go.Later" && time.Now().Before(at) {
			check("the job with a time is not run before it", false, job)
		}
		seen[job.Jid] = job
		if len(seen) == len(jobs) {
			close(done)
		}
		return err
	})
	succeeds := func(context.Context, ...any) error { return nil }
	fails := func(context.Context, ...any) error { return fmt.Errorf("on purpose") }
	for _, name := range []string{"go.Report", "go.Large", "go.Later"} {
		manager.Register(name, succeeds)
	}
	for _, name := range []string{"go.Retried", "go.Buried", "go.Forgotten"} {
		manager.Register(name, fails)
	}
	runUntil(manager, done, "every job posted to POST /jobs")

	for jid, sent := range jobs {
		got := seen[jid]
		same := got.Type == sent.Jobtype && got.Queue == sent.Queue && *got.Retry == sent.Retry && got.At == sent.At &&
			got.ReserveFor == 1800 && reflect.DeepEqual(got.Args, sent.Args) && reflect.DeepEqual(got.Custom, sent.Custom)
		what := fmt.Sprintf("queue %s, retry %d, custom %v, at %q, %d args", got.Queue, *got.Retry, got.Custom, got.At, len(got.Args))
		check(sent.Jobtype+" arrived as it was posted", same, what)
	}
	state, err = client.CurrentState()
	sets := state.Data.Sets
	check("of the failed, retry 1 waits for it, retry -1 is dead, retry 0 is gone", err == nil && sets["retries"] == 1 && sets["dead"] == 1, sets)
	check("Clear", client.Clear(faktory.Retries) == nil && client.Clear(faktory.Dead) == nil, "retries and dead")
}
