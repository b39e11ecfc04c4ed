package edgekv

import "net/http"

// dialect is what the two products do differently: the names and methods of
// their actions. Where parameters go is the same in both: Namespace and Key in
// the query, Value in the body, those of a new namespace in the body
// (references of the APIs dcdn 2018-01-15 and esa 2024-09-10).
type dialect struct {
	product string // also the prefix of the actions in a RAM policy
	version string
	hosts   map[string]string // by site
	put     operation
	get     operation
	delete  operation
	create  operation
	batch   operation // puts many keys
	status  operation // reports whether a key is everywhere; only DCDN has it
}

type operation struct{ action, method string }

func dialectOf(product string) (dialect, bool) {
	switch product {
	case "esa":
		return dialect{
			product: "esa",
			version: "2024-09-10",
			hosts:   map[string]string{"cn": "esa.cn-hangzhou.aliyuncs.com", "intl": "esa.ap-southeast-1.aliyuncs.com"},
			put:     operation{"PutKv", http.MethodPost},
			get:     operation{"GetKv", http.MethodGet},
			delete:  operation{"DeleteKv", http.MethodGet}, // so documented
			create:  operation{"CreateKvNamespace", http.MethodPost},
			batch:   operation{"BatchPutKv", http.MethodPost},
		}, true
	case "dcdn":
		return dialect{
			product: "dcdn",
			version: "2018-01-15",
			hosts:   map[string]string{"cn": "dcdn.aliyuncs.com", "intl": "dcdn.aliyuncs.com"},
			put:     operation{"PutDcdnKv", http.MethodPost},
			get:     operation{"GetDcdnKv", http.MethodGet},
			delete:  operation{"DeleteDcdnKv", http.MethodPost},
			create:  operation{"PutDcdnKvNamespace", http.MethodPost},
			batch:   operation{"BatchPutDcdnKv", http.MethodPost},
			status:  operation{"GetDcdnKvStatus", http.MethodPost},
		}, true
	}
	return dialect{}, false
}
