package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

// line is one line of a history: the start or the finish of an operation.
type line struct {
	Event struct {
		Start  json.RawMessage `json:"Start"`
		Finish json.RawMessage `json:"Finish"`
	} `json:"event"`
	Client int `json:"client_id"`
	Op     int `json:"op_id"`
}

// batch is what the start of an append says.
type batch struct {
	Records int      `json:"num_records"`
	Hashes  []uint64 `json:"record_hashes"`
	Sets    *string  `json:"set_fencing_token"`
	Token   *string  `json:"fencing_token"`
	Match   *uint64  `json:"match_seq_num"`
}

// success is what the finish of an operation says that succeeded.
type success struct {
	Tail *uint64 `json:"tail"`
	Hash *uint64 `json:"stream_hash"`
}

var failures = map[string]struct {
	of      kind
	outcome outcome
}{
	"AppendDefiniteFailure":   {appending, refused},
	"AppendIndefiniteFailure": {appending, unclear},
	"ReadFailure":             {reading, refused},
	"CheckTailFailure":        {checkingTail, refused},
}

var successes = map[string]kind{
	"AppendSuccess":    appending,
	"ReadSuccess":      reading,
	"CheckTailSuccess": checkingTail,
}

// parse turns the text of a history into the library's events, in the order of its lines.
func parse(text []byte) ([]porcupine.Event, error) {
	open := map[int]kind{} // the operations that have started and not finished
	var events []porcupine.Event
	for number := 1; len(text) > 0; number++ {
		var row []byte
		row, text, _ = bytes.Cut(text, []byte("\n"))
		if len(bytes.TrimSpace(row)) == 0 {
			continue
		}
		event, err := eventOf(row, open)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		events = append(events, event)
	}
	if len(open) > 0 {
		return nil, fmt.Errorf("%d operations never finished", len(open))
	}
	return events, nil
}

func eventOf(row []byte, open map[int]kind) (porcupine.Event, error) {
	var parsed line
	if err := json.Unmarshal(row, &parsed); err != nil {
		return porcupine.Event{}, err
	}
	event := porcupine.Event{Id: parsed.Op, ClientId: parsed.Client}
	if (parsed.Event.Start == nil) == (parsed.Event.Finish == nil) {
		return event, fmt.Errorf("an event is a Start or a Finish")
	}
	of, started := open[parsed.Op]
	if parsed.Event.Start != nil {
		if started {
			return event, fmt.Errorf("operation %d has started before", parsed.Op)
		}
		asked, err := callOf(parsed.Event.Start)
		open[parsed.Op] = asked.kind
		event.Kind, event.Value = porcupine.CallEvent, asked
		return event, err
	}
	if !started {
		return event, fmt.Errorf("operation %d finished but had not started", parsed.Op)
	}
	delete(open, parsed.Op)
	told, err := answerOf(parsed.Event.Finish, of)
	event.Kind, event.Value = porcupine.ReturnEvent, told
	return event, err
}

func callOf(text json.RawMessage) (call, error) {
	var name string
	if json.Unmarshal(text, &name) == nil {
		switch name {
		case "Read":
			return call{kind: reading}, nil
		case "CheckTail":
			return call{kind: checkingTail}, nil
		}
		return call{}, fmt.Errorf("no operation is called %q", name)
	}
	var start struct{ Append *batch }
	if err := json.Unmarshal(text, &start); err != nil {
		return call{}, err
	}
	if start.Append == nil {
		return call{}, fmt.Errorf("a Start is an Append, a Read or a CheckTail")
	}
	sent := start.Append
	if len(sent.Hashes) != sent.Records {
		return call{}, fmt.Errorf("an append of %d records has %d record_hashes", sent.Records, len(sent.Hashes))
	}
	asked := call{kind: appending, records: sent.Hashes, sets: sent.Sets, token: sent.Token, folds: map[uint64]uint64{}}
	var err error
	asked.match, err = position(sent.Match)
	return asked, err
}

func answerOf(text json.RawMessage, of kind) (answer, error) {
	var name string
	if json.Unmarshal(text, &name) == nil {
		failure, known := failures[name]
		if !known || failure.of != of {
			return answer{}, fmt.Errorf("the operation cannot finish with %q", name)
		}
		return answer{outcome: failure.outcome}, nil
	}
	var finish map[string]success
	if err := json.Unmarshal(text, &finish); err != nil {
		return answer{}, err
	}
	for name, told := range finish {
		asked, known := successes[name]
		if !known || asked != of || len(finish) != 1 {
			return answer{}, fmt.Errorf("the operation cannot finish with %q", name)
		}
		if told.Tail == nil || (told.Hash == nil) != (of != reading) {
			return answer{}, fmt.Errorf("a %s has a tail, and a ReadSuccess a stream_hash", name)
		}
		tail, err := position(told.Tail)
		return answer{tail: tail, hash: told.Hash}, err
	}
	return answer{}, fmt.Errorf("a Finish says nothing")
}

// position fits a seq_num into the model's 32 bits.
func position(seqNum *uint64) (*uint32, error) {
	if seqNum == nil {
		return nil, nil
	}
	if *seqNum > math.MaxUint32 {
		return nil, fmt.Errorf("the model's positions have 32 bits; %d does not fit", *seqNum)
	}
	fitting := uint32(*seqNum)
	return &fitting, nil
}
