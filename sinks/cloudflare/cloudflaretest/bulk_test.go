package cloudflaretest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
)

// request is one of a client that is allowed to.
func request(server *cloudflaretest.Server, method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "/client/v4/accounts/"+server.Account+"/storage/kv/namespaces"+path,
		strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+server.Token)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func call(server *cloudflaretest.Server, method, path, body string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request(server, method, path, body))
	return answer
}

// pairs is a bulk write of n small values.
func pairs(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"key":"k%d","value":"1"}`, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestBulkIsStrict(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	write, read := "/"+server.Namespace+"/bulk", "/"+server.Namespace+"/bulk/get"
	keys := func(n int) string { return `{"keys":[` + strings.TrimSuffix(strings.Repeat(`"k",`, n), ",") + `]}` }
	tests := map[string]struct {
		method, path, body string
		status             int
		text               string
	}{
		"10,000 pairs": {
			"PUT", write, pairs(10_000), 200,
			`"successful_key_count":10000,"unsuccessful_keys":[]`,
		},
		"one more": {"PUT", write, pairs(10_001), 400, "more than 10000"},
		"a large value": {
			"PUT", write, `[{"key":"k","value":"` + strings.Repeat("x", 25<<20+1) + `"}]`, 413,
			"10024",
		},
		"a long key": {
			"PUT", write, `[{"key":"` + strings.Repeat("k", 513) + `","value":""}]`, 414,
			"10030",
		},
		"an illegal key": {"PUT", write, `[{"key":"..","value":""}]`, 400, "10042"},
		"no key":         {"PUT", write, `[{"value":""}]`, 400, "10012"},
		"no value":       {"PUT", write, `[{"key":"k"}]`, 400, "10012"},
		"a key twice": {
			"PUT", write, `[{"key":"k","value":"1"},{"key":"k","value":"2"}]`, 400,
			"occurs twice",
		},
		"an unknown member":  {"PUT", write, `[{"key":"k","value":"1","ttl":1}]`, 400, "unknown field"},
		"no JSON":            {"PUT", write, `[{"key":"k"`, 400, "invalid request"},
		"two texts":          {"PUT", write, `[][]`, 400, "more than one"},
		"no base64":          {"PUT", write, `[{"key":"k","value":"?","base64":true}]`, 400, "not base64"},
		"metadata as a text": {"PUT", write, `[{"key":"k","value":"1","metadata":"{}"}]`, 400, "not an object"},
		"large metadata": {"PUT", write, `[{"key":"k","value":"1","metadata":{"a":"` +
			strings.Repeat("x", 1024) + `"}}]`, 413, "10024"},
		"another namespace":     {"PUT", "/" + strings.Repeat("e", 32) + "/bulk", `[]`, 404, "10013"},
		"100 keys":              {"POST", read, keys(100), 200, `{"values":{"k":null}}`},
		"101 keys":              {"POST", read, keys(101), 400, "1 to 100"},
		"no keys":               {"POST", read, keys(0), 400, "1 to 100"},
		"an illegal key to get": {"POST", read, `{"keys":[""]}`, 400, "10042"},
		"as JSON":               {"POST", read, `{"keys":["k"],"type":"json"}`, 400, "texts"},
		"another method":        {"POST", write, `[]`, 404, "10025"},
		"no page":               {"GET", "", "", 400, "10008"},
		"a page":                {"GET", "?per_page=1000", "", 200, `"id":"` + server.Namespace + `"`},
	}
	for name, tt := range tests {
		answer := call(server, tt.method, tt.path, tt.body)
		if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.text) {
			t.Errorf("%s: got %d %.300s, want %d %s", name, answer.Code, answer.Body, tt.status, tt.text)
		}
	}
	for want, change := range map[int]func(*http.Request){
		http.StatusUnsupportedMediaType:  func(r *http.Request) { r.Header.Del("Content-Type") },
		http.StatusRequestEntityTooLarge: func(r *http.Request) { r.ContentLength = 100_000_001 },
	} {
		r := request(server, "PUT", write, "[]")
		change(r)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		if answer.Code != want {
			t.Errorf("got %d, want %d", answer.Code, want)
		}
	}
}

func TestBulkWritesAllOrNothing(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	call(server, "PUT", "/"+server.Namespace+"/bulk", `[{"key":"a","value":"1"},{"key":"..","value":"2"}]`)
	if _, ok := server.Stored("a"); ok {
		t.Error("a pair beside one that is not allowed is stored")
	}
}

func TestBulkGetIsLimited(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	for i, want := range []int{http.StatusOK, http.StatusRequestEntityTooLarge} {
		r := request(server, "PUT", fmt.Sprintf("/%s/values/%d", server.Namespace, i), strings.Repeat("x", 13<<20))
		r.Header.Set("Content-Type", "application/octet-stream")
		server.ServeHTTP(httptest.NewRecorder(), r)
		if got := call(server, "POST", "/"+server.Namespace+"/bulk/get", `{"keys":["0","1"]}`).Code; got != want {
			t.Errorf("with %d values of 13 MiB: status %d, want %d", i+1, got, want)
		}
	}
}

func TestTooManyCallsAreRefused(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{Calls: 2})
	var last *httptest.ResponseRecorder
	for i, want := range []string{`"default";r=1;t=300`, `"default";r=0;t=`, `"default";r=0;t=300`} {
		last = call(server, "GET", "?per_page=1000", "")
		if got := last.Header().Get("Ratelimit"); !strings.HasPrefix(got, want) {
			t.Errorf("call %d: Ratelimit is %s, want %s", i, got, want)
		}
	}
	if last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") != "300" ||
		last.Header().Get("Ratelimit-Policy") != `"default";q=2;w=300` {
		t.Errorf("one call too many answers %d %v", last.Code, last.Header())
	}
}
