package alicloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
)

// The fixed example of "V3 request structure and signature".
func TestSignMatchesThePublishedExample(t *testing.T) {
	got := Request{
		Method: "POST", Host: "ecs.cn-shanghai.aliyuncs.com", Action: "RunInstances", Version: "2014-05-26",
		Query: url.Values{
			"RegionId": {"cn-shanghai"},
			"ImageId":  {"win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"},
		},
	}.Sign(
		Keys{AccessKeyID: "YourAccessKeyId", AccessKeySecret: secret.New("YourAccessKeySecret")},
		time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC), "3156853299f313e23d1673dc12e1703d",
	)
	const want = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId," +
		"SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
		"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	if got["authorization"] != want {
		t.Errorf("authorization:\n got %s\nwant %s", got["authorization"], want)
	}
}

// A body, a security token, a port and characters that encode differently in
// queries: the canonical request is written out by hand.
func TestSignCoversBodyTokenAndEncoding(t *testing.T) {
	body := "Value=a+%7B%22b%22%3A1%7D"
	bodyHash := sha256.Sum256([]byte(body))
	canonical := strings.Join([]string{
		"POST",
		"/",
		"Key=a%20b%2Ac~d%2Be%2F%C3%A9&Namespace=flags",
		"content-type:application/x-www-form-urlencoded",
		"host:127.0.0.1:8080",
		"x-acs-accesskey-id:id",
		"x-acs-action:PutKv",
		"x-acs-content-sha256:" + hex.EncodeToString(bodyHash[:]),
		"x-acs-date:2026-01-02T02:04:05Z",
		"x-acs-security-token:token",
		"x-acs-signature-nonce:nonce",
		"x-acs-version:2024-09-10",
		"",
		"content-type;host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version",
		hex.EncodeToString(bodyHash[:]),
	}, "\n")
	canonicalHash := sha256.Sum256([]byte(canonical))
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(canonicalHash[:])))
	want := "Signature=" + hex.EncodeToString(mac.Sum(nil))

	got := Request{
		Method: "POST", Host: "127.0.0.1:8080", Action: "PutKv", Version: "2024-09-10",
		Query:       url.Values{"Namespace": {"flags"}, "Key": {"a b*c~d+e/é"}},
		ContentType: formType, Body: []byte(body),
	}.Sign(
		Keys{AccessKeyID: "id", AccessKeySecret: secret.New("key"), SecurityToken: secret.New("token")},
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600)), "nonce",
	)
	if !strings.HasSuffix(got["authorization"], want) {
		t.Errorf("authorization is %s, want the end %s", got["authorization"], want)
	}
}
