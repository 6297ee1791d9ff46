// The command judges histories in the JSONL format of s2-porcupine (s2-streamstore/s2-verification) by the same model
// and with the same library: a second opinion for fencepost's checkers, and something to measure them against.
//
//	s2_porcupine -file history.jsonl [-timeout 60s] [-memory 16] [-measure]   one history (- is standard input)
//	s2_porcupine -stream [-timeout 5s]             many, from standard input, each ended by an empty line
//
// Each verdict is a JSON object on a line of its own: verdict is valid, invalid, unknown (out of time or memory) or error.
// The exit code of -file is 0 for valid, 3 for unknown and 1 else, that of -stream 0 unless the input could not be read.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// verdict is what is printed of a history.
type verdict struct {
	Verdict  string   `json:"verdict"`
	Error    string   `json:"error,omitempty"`
	Events   int      `json:"events,omitempty"`
	Reading  *float64 `json:"reading_seconds,omitempty"`
	Checking *float64 `json:"checking_seconds,omitempty"`
	Peak     int64    `json:"peak_bytes,omitempty"`
}

var names = map[porcupine.CheckResult]string{
	porcupine.Ok:      "valid",
	porcupine.Illegal: "invalid",
	porcupine.Unknown: "unknown",
}

func main() {
	file := flag.String("file", "", "judge the history in this file; - is standard input")
	stream := flag.Bool("stream", false, "judge the histories on standard input, apart by an empty line")
	timeout := flag.Duration("timeout", 0, "give up on a history after so long; 0 is never")
	memory := flag.Float64("memory", 0, "with -file, give up beyond so many GiB of memory; 0 is never")
	measure := flag.Bool("measure", false, "with -file, tell the time taken and the peak of memory as well")
	flag.Parse()
	var err error
	code := 1
	switch {
	case flag.NArg() > 0 || *stream == (*file != ""):
		flag.Usage()
	case *stream:
		if err = judgeAll(os.Stdin, os.Stdout, *timeout); err == nil {
			code = 0
		}
	default:
		if *memory > 0 {
			go watch(int64(*memory*(1<<30)), time.Now())
		}
		code, err = judgeFile(*file, *timeout, *measure)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// judge gives the verdict on one history, and how long it took to read and to check it.
func judge(text []byte, timeout time.Duration) verdict {
	begun := time.Now()
	events, err := parse(text)
	if err != nil {
		return verdict{Verdict: "error", Error: err.Error()}
	}
	read := time.Now()
	result, _ := porcupine.CheckEventsVerbose(model.ToModel(), events, timeout)
	reading, checking := read.Sub(begun).Seconds(), time.Since(read).Seconds()
	return verdict{Verdict: names[result], Events: len(events), Reading: &reading, Checking: &checking}
}

func judgeFile(path string, timeout time.Duration, measure bool) (int, error) {
	text, err := contents(path)
	if err != nil {
		return 1, err
	}
	found := judge(text, timeout)
	if measure {
		found.Peak = peak()
	} else {
		found.Events, found.Reading, found.Checking = 0, nil, nil
	}
	code := map[string]int{"valid": 0, "unknown": undecided}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return 1, err
	}
	if exit, ok := code[found.Verdict]; ok {
		return exit, nil
	}
	return 1, nil
}

func contents(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}

// judgeAll reads histories that are apart by an empty line, and prints a verdict for each as soon as it has it. Where
// there is nothing between two empty lines there is a history without operations.
func judgeAll(in io.Reader, out io.Writer, timeout time.Duration) error {
	lines, answers := bufio.NewReaderSize(in, 1<<20), json.NewEncoder(out)
	var text []byte
	for {
		row, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		text = append(text, row...)
		apart := err == nil && len(bytes.TrimSpace(row)) == 0
		if apart || (err == io.EOF && len(text) > 0) {
			found := judge(text, timeout)
			found.Events, found.Reading, found.Checking = 0, nil, nil
			if err := answers.Encode(found); err != nil {
				return err
			}
			text = text[:0]
		}
		if err == io.EOF {
			return nil
		}
	}
}

// undecided is the exit code where time or memory ran out. (2 is that of a program in Go that panics.)
const undecided = 3

// watch ends the program when it holds more memory than that.
func watch(most int64, begun time.Time) {
	for range time.Tick(50 * time.Millisecond) {
		if peak() > most {
			passed := time.Since(begun).Seconds()
			gaveUp := verdict{Verdict: names[porcupine.Unknown], Error: "out of memory", Checking: &passed, Peak: peak()}
			if json.NewEncoder(os.Stdout).Encode(gaveUp) != nil {
				os.Exit(1)
			}
			os.Exit(undecided)
		}
	}
}

// peak gives the most memory that the process has held since it began, in bytes, where the system tells it (Linux).
func peak() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kilobytes int64
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Sscanf(string(after), "%d kB", &kilobytes); err != nil {
		return 0
	}
	return kilobytes * 1024
}
