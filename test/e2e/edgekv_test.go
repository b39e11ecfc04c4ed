package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
)

const (
	accessKeyID     = "e2e-access-key-id"
	accessKeySecret = "e2e-access-key-secret"
)

// alibaba is EdgeKV without an account: the API that flagcast writes to, and a
// place at the edge that reads what has been written. EdgeRoutine has no local
// runtime, so workers run in workerd with edgeGlobals before them.
type alibaba struct {
	api, edge string // addresses
	server    *edgekvtest.Server
}

func startAlibaba(t *testing.T) *alibaba {
	server := edgekvtest.New(edgekvtest.Options{
		AccessKeyID: accessKeyID, AccessKeySecret: accessKeySecret, Namespaces: []string{"flags"},
	})
	api := httptest.NewServer(server)
	t.Cleanup(api.Close)
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		value, ok := server.Value(namespace, key)
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, value)
	}))
	t.Cleanup(edge.Close)
	return &alibaba{api: api.URL, edge: edge.URL, server: server}
}

// edgeGlobals are EdgeRoutine's globals as Alibaba's "Edge storage API" has
// them: without a type a value is a stream, and a miss is undefined. EDGE is a
// variable of the worker.
const edgeGlobals = `
class EdgeKV {
  constructor(options) {
    if (!options || !options.namespace) throw new TypeError('The argument to EdgeKV must be an object with a namespace')
    this.namespace = options.namespace
  }
  async get(key, options) {
    if (!/^[A-Za-z0-9_-]{1,512}$/.test(key)) throw new TypeError('bad key')
    const response = await fetch(EDGE + '/' + this.namespace + '/' + key)
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error('EdgeKV failed')
    switch ((options && options.type) || 'stream') {
      case 'text': return response.text()
      case 'json': return response.json()
      case 'arrayBuffer': return response.arrayBuffer()
      default: return response.body
    }
  }
}
`

// seedWorker has the lines that the project was asked for with, as they are.
const seedWorker = `
addEventListener('fetch', event => event.respondWith(answer()))
async function answer() {
  const edgeKV = new EdgeKV({ namespace: 'flags' })
  const flags = JSON.parse(await edgeKV.get('unleash-flags', { type: 'text' }))
  const enabled = flags.toggles.find(t => t.name === 'new-feature')?.enabled
  return new Response(String(enabled))
}
`
