//go:build !unix

package rig

import (
	"os/exec"
	"syscall"
	"testing"
)

// The tests that start processes run on Unix; elsewhere the package compiles.

func ownGroup(*exec.Cmd) {}

func endGroup(cmd *exec.Cmd, _ bool) { _ = cmd.Process.Kill() }

func ordinaryUser(testing.TB, string) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
