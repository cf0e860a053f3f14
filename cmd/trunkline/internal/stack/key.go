package stack

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// openKeys reads the installation's secret from its folder, or makes one there
// that only the owner can read.
func openKeys(dir string) (*trunk.Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	file := filepath.Join(dir, "secret.key")
	secret, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		secret, err = makeSecret(file)
	}
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("secret key: others can read %s (mode %o); chmod 600 it", file, mode)
	}
	return trunk.NewKeys(strings.TrimSpace(string(secret)))
}

func makeSecret(file string) ([]byte, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return nil, err
	}
	secret := []byte(hex.EncodeToString(raw) + "\n")
	return secret, os.WriteFile(file, secret, 0o600)
}
