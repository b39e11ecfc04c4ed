package osstest

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"hash/crc64"
	"net/http"
	"strconv"
	"strings"
)

// metaBytes is as much metadata as an object has.
const metaBytes = 8 << 10

// run carries out an operation on one object.
func (s *Server) run(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	refused := known(r)
	if refused == nil {
		switch r.Method {
		case http.MethodPut:
			refused = s.put(w, r, name, body)
		case http.MethodGet, http.MethodHead:
			refused = s.get(w, r, name)
		case http.MethodDelete: // of what is absent, too
			delete(s.stored, name)
			w.WriteHeader(http.StatusNoContent)
		default:
			refused = deny(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		}
	}
	if refused != nil {
		s.refuse(w, r, refused)
	}
}

// known refuses what a client does not need for these operations.
func known(r *http.Request) *refusal {
	if r.URL.RawQuery != "" {
		return deny(501, "NotImplemented", "This server has objects only: no request for one has a query.")
	}
	for header := range r.Header {
		name := strings.ToLower(header)
		switch {
		case !strings.HasPrefix(name, "x-oss-"), strings.HasPrefix(name, "x-oss-meta-"):
		case name == "x-oss-content-sha256", name == "x-oss-date", name == "x-oss-security-token":
		case name == "x-oss-forbid-overwrite" && r.Method == http.MethodPut:
		default:
			return deny(400, "InvalidArgument", "The header "+name+" is not known.")
		}
	}
	return nil
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, name string, body []byte) *refusal {
	switch {
	case r.ContentLength < 0:
		return deny(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	case r.ContentLength > MaxObjectBytes:
		return deny(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.",
			[2]string{"EC", "0017-00000102"})
	}
	o := Object{
		Body: body, Header: http.Header{}, crc: crc64.Checksum(body, crc64.MakeTable(crc64.ECMA)), md5: md5.Sum(body),
		at: s.options.Now(),
	}
	sum := base64.StdEncoding.EncodeToString(o.md5[:])
	if claimed := r.Header.Get("Content-MD5"); claimed != "" && claimed != sum {
		return deny(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
	}
	meta := 0
	for header, values := range r.Header {
		if strings.HasPrefix(strings.ToLower(header), "x-oss-meta-") {
			meta += len(header) - len("x-oss-meta-") + len(values[0])
			o.Header[header] = values
		}
	}
	if meta > metaBytes {
		return deny(400, "InvalidArgument", "The user meta is too long.")
	}
	for _, header := range []string{"Content-Type", "Cache-Control"} {
		if value := r.Header.Get(header); value != "" {
			o.Header.Set(header, value)
		}
	}
	switch forbid := r.Header.Get("x-oss-forbid-overwrite"); forbid {
	case "", "false":
	case "true":
		if _, exists := s.stored[name]; exists && !s.options.Versioning {
			return deny(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.",
				[2]string{"EC", "0026-00000002"})
		}
	default:
		return deny(400, "InvalidArgument", "x-oss-forbid-overwrite must be true or false.")
	}
	s.stored[name] = o
	w.Header().Set("Content-MD5", sum)
	w.Header().Set("ETag", o.etag())
	w.Header().Set("x-oss-hash-crc64ecma", strconv.FormatUint(o.crc, 10))
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, name string) *refusal {
	o, ok := s.visible[name]
	if !ok {
		return deny(404, "NoSuchKey", "The specified key does not exist.", [2]string{"Key", name},
			[2]string{"EC", "0026-00000001"})
	}
	for header, values := range o.Header {
		w.Header()[header] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(o.Body)))
	w.Header().Set("ETag", o.etag())
	w.Header().Set("Last-Modified", o.at.UTC().Format(http.TimeFormat))
	w.Header().Set("x-oss-hash-crc64ecma", strconv.FormatUint(o.crc, 10))
	w.Header().Set("x-oss-object-type", "Normal")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(o.Body)
	}
	return nil
}

func (o Object) etag() string { return fmt.Sprintf("\"%X\"", o.md5) }
