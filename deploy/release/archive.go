package main

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// packer writes a tar archive whose entries belong to root and have one time.
type packer struct {
	tar *tar.Writer
	at  time.Time
}

func newPacker(w io.Writer, at time.Time) *packer { return &packer{tar.NewWriter(w), at} }

// add writes one entry. Its mode is of the type and the permissions.
func (p *packer) add(name string, mode fs.FileMode, owner int, link string, content []byte) error {
	h := &tar.Header{
		Name: name, Mode: int64(mode.Perm()), ModTime: p.at, Uid: owner, Gid: owner, Format: tar.FormatUSTAR,
	}
	if mode&fs.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	switch mode.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case fs.ModeSymlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, link
	default:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(content))
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err := p.tar.Write(content)
	return err
}

// addTree writes what a folder holds, in the order of names, below a prefix. Permissions
// are those of a file that everybody may read, and of a program where it may be run.
// change replaces a content; nil: none.
func (p *packer) addTree(dir, prefix string, change func(name string, content []byte) []byte) error {
	return filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		relative, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, mode := path.Join(prefix, filepath.ToSlash(relative)), info.Mode()
		link, content := "", []byte(nil)
		switch mode.Type() {
		case fs.ModeDir:
			mode = fs.ModeDir | 0o755 | mode&fs.ModeSticky
			if mode&fs.ModeSticky != 0 {
				mode |= 0o777
			}
		case fs.ModeSymlink:
			mode = fs.ModeSymlink | 0o777
			link, err = os.Readlink(file)
		default:
			content, err = os.ReadFile(file)
			if mode&0o100 != 0 {
				mode = 0o755
			} else {
				mode = 0o644
			}
		}
		if err != nil {
			return err
		}
		if change != nil {
			content = change(name, bytes.Clone(content))
		}
		return p.add(name, mode, 0, link, content)
	})
}
