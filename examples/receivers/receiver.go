// Receives webhooks behind nginx.conf: BASE_PATH=/kong3 PORT=8080 go run receiver.go
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"sync"
	"time"
)

var (
	maxBody, delays = int64(4096), []time.Duration{2 * time.Second, 10 * time.Second, time.Minute} // bytes; between fetches that fail
	path            = regexp.MustCompile("^" + regexp.QuoteMeta(os.Getenv("BASE_PATH")) + "/open-banking/webhook/v1/" +
		`((?:payments/v\d+/(?:consents|pix/payments)|enrollments/v\d+/enrollments` +
		`|automatic-payments/v\d+/(?:recurring-consents|pix/recurring-payments))/[^/?#]+)$`)
	idPattern = regexp.MustCompile("^[a-zA-Z0-9][a-zA-Z0-9-]{0,99}$")
	seen      sync.Map // in production a table, written before the 202, with what is still to be fetched
)

// Yours: GET https://<host of that bank>/open-banking/<resource>, and store what it says.
func fetch(bank, resource string) error { fmt.Println("fetch", bank, resource); return nil }

func receive(w http.ResponseWriter, r *http.Request) {
	var body struct{ Data struct{ Timestamp string } }
	found, id := path.FindStringSubmatch(r.RequestURI), r.Header.Get("x-webhook-interaction-id")
	text, tooLong := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	malformed := json.Unmarshal(text, &body)
	_, noTime := time.Parse("2006-01-02T15:04:05Z", body.Data.Timestamp)
	if r.Method != http.MethodPost || found == nil {
		w.WriteHeader(404)
	} else if tooLong != nil {
		w.WriteHeader(413)
	} else if malformed != nil || noTime != nil || !idPattern.MatchString(id) {
		w.WriteHeader(400)
	} else {
		key := [3]string{r.Header.Get("x-organisation"), found[1], body.Data.Timestamp}
		_, isKnown := seen.LoadOrStore(key, true)
		w.Header().Set("x-webhook-interaction-id", id)
		w.WriteHeader(202)
		fmt.Println(map[bool]string{true: "known", false: "accepted"}[isKnown], id, key[0], key[1], key[2])
		if !isKnown {
			time.AfterFunc(10*time.Minute, func() { seen.Delete(key) }) // the attempts of a notification take less than two
			time.AfterFunc(time.Second, func() { work(key, 0) })        // two changes within one second look the same
		}
	}
}

func work(key [3]string, failures int) {
	if err := fetch(key[0], key[1]); err != nil && failures < len(delays) { // no attempt follows a 202, so nobody else tries again
		time.AfterFunc(delays[failures], func() { work(key, failures+1) })
	} else if err != nil {
		fmt.Println("gave up", key, err) // for an operator to fetch
	}
}

func main() { panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(receive))) }
