package main

import (
	"os/exec"
	"regexp"
	"testing"
)

// TestLinkerRemovesMethods: a call of reflect.Value.MethodByName with a name that is
// not constant, as text/template has, makes the linker keep every exported method:
// 2.4 MB.
func TestLinkerRemovesMethods(t *testing.T) {
	if testing.Short() {
		t.Skip("it links the program")
	}
	t.Chdir("../..")
	out, err := exec.Command("go", "build", "-ldflags=-dumpdep", "-o", t.TempDir()+"/flagcast", "./cmd/flagcast").
		CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	// Arrows to such a function, or from one, are there only when it is used.
	if found := regexp.MustCompile(`(?m)^.*<ReflectMethod>.*$`).Find(out); found != nil {
		t.Errorf("the linker keeps all methods: %s", found)
	}
	if len(out) < 1<<20 {
		t.Errorf("the linker printed %d bytes: are these its dependencies?", len(out))
	}
}
