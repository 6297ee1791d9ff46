package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func started(op int, what string) string {
	return fmt.Sprintf(`{"event":{"Start":%s},"client_id":%d,"op_id":%d}`, what, op, op)
}

func finished(op int, how string) string {
	return fmt.Sprintf(`{"event":{"Finish":%s},"client_id":%d,"op_id":%d}`, how, op, op)
}

// sent is an append of records 1, 2, … with the rest of its arguments as JSON.
func sent(records int, rest string) string {
	hashes := make([]string, records)
	for i := range hashes {
		hashes[i] = fmt.Sprint(i + 1)
	}
	return fmt.Sprintf(`{"Append":{"num_records":%d,"record_hashes":[%s]%s}}`, records, strings.Join(hashes, ","), rest)
}

func acked(tail int) string { return fmt.Sprintf(`{"AppendSuccess":{"tail":%d}}`, tail) }

func tailed(tail int) string { return fmt.Sprintf(`{"CheckTailSuccess":{"tail":%d}}`, tail) }

func saw(tail int, hash uint64) string {
	return fmt.Sprintf(`{"ReadSuccess":{"tail":%d,"stream_hash":%d}}`, tail, hash)
}

// sequence is a history of operations one after another, each given by its start and its finish.
func sequence(operations ...[2]string) string {
	var lines []string
	for op, each := range operations {
		lines = append(lines, started(op, each[0]), finished(op, each[1]))
	}
	return strings.Join(lines, "\n") + "\n"
}

const (
	checkTail = `"CheckTail"`
	read      = `"Read"`
	refusal   = `"AppendDefiniteFailure"`
	lost      = `"AppendIndefiniteFailure"`
	fenceX    = `,"set_fencing_token":"x"`
	withX     = `,"fencing_token":"x"`
	withEmpty = `,"fencing_token":""`
	atOne     = `,"match_seq_num":1`
	one       = uint64(1)
)

func TestEveryBranchOfTheModel(t *testing.T) {
	whole := chained(chained(0, 1), 2)
	for name, c := range map[string]struct{ verdict, history string }{
		"an empty history":                    {"valid", ""},
		"the tail after an append":            {"valid", sequence([2]string{sent(2, ""), acked(2)}, [2]string{checkTail, tailed(2)})},
		"a stale tail":                        {"invalid", sequence([2]string{sent(2, ""), acked(2)}, [2]string{checkTail, tailed(0)})},
		"an ack of another tail":              {"invalid", sequence([2]string{sent(2, ""), acked(3)})},
		"a read of everything":                {"valid", sequence([2]string{sent(2, ""), acked(2)}, [2]string{read, saw(2, whole)})},
		"a read of something else":            {"invalid", sequence([2]string{sent(2, ""), acked(2)}, [2]string{read, saw(2, whole+1)})},
		"a read that is too short":            {"invalid", sequence([2]string{sent(2, ""), acked(2)}, [2]string{read, saw(1, whole)})},
		"a read of an empty stream":           {"valid", sequence([2]string{read, saw(0, 0)})},
		"a failed read":                       {"valid", sequence([2]string{read, `"ReadFailure"`})},
		"a failed check of the tail":          {"valid", sequence([2]string{checkTail, `"CheckTailFailure"`})},
		"a refusal without any reason":        {"valid", sequence([2]string{sent(1, ""), refusal}, [2]string{checkTail, tailed(0)})},
		"a refused append is not there":       {"invalid", sequence([2]string{sent(1, ""), refusal}, [2]string{checkTail, tailed(1)})},
		"a lost append may be there":          {"valid", sequence([2]string{sent(1, ""), lost}, [2]string{checkTail, tailed(1)})},
		"or may not":                          {"valid", sequence([2]string{sent(1, ""), lost}, [2]string{checkTail, tailed(0)})},
		"a lost append whose tail was wrong":  {"invalid", sequence([2]string{sent(1, atOne), lost}, [2]string{checkTail, tailed(1)})},
		"a lost append whose tail was right":  {"valid", sequence([2]string{sent(1, ""), acked(1)}, [2]string{sent(1, atOne), lost}, [2]string{checkTail, tailed(2)})},
		"a lost append whose token was wrong": {"invalid", sequence([2]string{sent(1, withX), lost}, [2]string{checkTail, tailed(1)})},
		"a lost append whose token was right": {"valid", sequence([2]string{sent(1, fenceX), acked(1)}, [2]string{sent(1, withX), lost}, [2]string{checkTail, tailed(2)})},
		"a lost fence":                        {"valid", sequence([2]string{sent(1, fenceX), lost}, [2]string{sent(1, withX), acked(2)})},
		"an append at the tail":               {"valid", sequence([2]string{sent(1, ""), acked(1)}, [2]string{sent(1, atOne), acked(2)})},
		"an append at another tail":           {"invalid", sequence([2]string{sent(1, atOne), acked(1)})},
		"an append with the token":            {"valid", sequence([2]string{sent(1, fenceX), acked(1)}, [2]string{sent(1, withX), acked(2)})},
		"an append with another token":        {"invalid", sequence([2]string{sent(1, fenceX), acked(1)}, [2]string{sent(1, withEmpty), acked(2)})},
		"the empty token where none was set":  {"invalid", sequence([2]string{sent(1, withEmpty), acked(1)})},
		"the empty token that was set": {"valid", sequence(
			[2]string{sent(1, `,"set_fencing_token":""`), acked(1)}, [2]string{sent(1, withEmpty), acked(2)})},
		"a lost append with the empty token where none was set": {"invalid", sequence(
			[2]string{sent(1, withEmpty), lost}, [2]string{checkTail, tailed(1)})},
		"a fence is tested against the token before it": {"invalid", sequence([2]string{sent(1, fenceX+withX), acked(1)})},
		"tails that overlap in time": {"valid", strings.Join([]string{
			started(0, sent(1, "")), started(1, checkTail), finished(1, tailed(0)), finished(0, acked(1))}, "\n")},
	} {
		if found := judge([]byte(c.history), 0); found.Verdict != c.verdict {
			t.Errorf("%s: %s (%s) instead of %s", name, found.Verdict, found.Error, c.verdict)
		}
	}
}

func TestWhatMakesNoSenseIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ says, history string }{
		"no JSON":                   {"line 1", "{"},
		"neither start nor finish":  {"an event is", `{"event":{},"client_id":0,"op_id":0}`},
		"an unknown operation":      {"no operation is called", started(0, `"Trim"`)},
		"an unknown object":         {"a Start is", started(0, `{"Trim":{}}`)},
		"hashes are missing":        {"2 records has 1", started(0, `{"Append":{"num_records":2,"record_hashes":[1]}}`)},
		"a start without a finish":  {"never finished", started(0, read)},
		"a finish without a start":  {"had not started", finished(0, tailed(0))},
		"a second start":            {"has started before", started(0, read) + "\n" + started(0, read)},
		"an answer of another kind": {"cannot finish", sequence([2]string{read, tailed(0)})},
		"a failure of another kind": {"cannot finish", sequence([2]string{read, lost})},
		"a read without a hash":     {"stream_hash", sequence([2]string{read, `{"ReadSuccess":{"tail":0}}`})},
		"a position beyond 32 bits": {"32 bits", sequence([2]string{checkTail, `{"CheckTailSuccess":{"tail":4294967296}}`})},
	} {
		if found := judge([]byte(c.history), 0); found.Verdict != "error" || !strings.Contains(found.Error, c.says) {
			t.Errorf("%s: %s (%q) does not say %q", name, found.Verdict, found.Error, c.says)
		}
	}
}

func TestEachHistoryOfAStreamGetsItsVerdict(t *testing.T) {
	good, bad := sequence([2]string{checkTail, tailed(0)}), sequence([2]string{checkTail, tailed(1)})
	var out bytes.Buffer
	if err := judgeAll(strings.NewReader(good+"\n"+bad+"\n"+"{\n\n"+"\n"+bad), &out, 0); err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	for answers := json.NewDecoder(&out); answers.More(); {
		var found verdict
		if err := answers.Decode(&found); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, found.Verdict)
	}
	if got := strings.Join(verdicts, " "); got != "valid invalid error valid invalid" {
		t.Error(got)
	}
}

func TestTimeRunsOut(t *testing.T) {
	// Concurrent lost appends of one record each, and a tail that only more of them could have made.
	const many = 24
	var lines []string
	for op := range many {
		lines = append(lines, started(op, sent(1, "")))
	}
	lines = append(lines, started(many, checkTail), finished(many, tailed(many+1)))
	for op := range many {
		lines = append(lines, finished(op, lost))
	}
	if found := judge([]byte(strings.Join(lines, "\n")), 50*time.Millisecond); found.Verdict != "unknown" {
		t.Error(found.Verdict)
	}
}

func TestTheChainedHashIsTheCollectors(t *testing.T) {
	// A stream of one record, as recorded with the collector of s2-streamstore/s2-verification.
	if got := chained(0, 17249902521228930976); got != 15328550895275590155 {
		t.Error(got)
	}
	if chained(0, one) == chained(one, 0) {
		t.Error("the order of records makes no difference")
	}
}
