package deploy

import (
	"crypto/tls"
	"debug/elf"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
	"pitwall/engine/internal/testenv"
)

// imageUser is the user of the image.
const imageUser = 65532

// image is a folder with what the image has, which its user cannot write to.
type image struct {
	t   *testing.T
	dir string
}

// newImage makes the folder. roots is the file of trusted certificates.
func newImage(t *testing.T, roots string) *image {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(imageBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	certs := filepath.Join(dir, "etc/ssl/certs")
	if err := os.MkdirAll(certs, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(certs, "ca-certificates.crt"), roots)
	if err := os.WriteFile(filepath.Join(dir, "pitwall"), text, 0o555); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"etc/ssl/certs", "etc/ssl", "etc", "."} {
		if err := os.Chmod(filepath.Join(dir, d), 0o555); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) // so that it can be removed
	return &image{t, dir}
}

// check runs the health check of the image on a process.
func (i *image) check(at e2etest.Addrs) {
	i.t.Helper()
	p := i.start([]string{"OPS_ADDR=" + at.Ops}, "check")
	if code, ended := p.Wait(e2etest.Patience); !ended || code != 0 {
		i.t.Errorf("pitwall check ends with %d (%v):\n%s", code, ended, p.Output())
	}
}

// start runs the binary in the folder as the image's user. Without root, that user exists
// in a namespace only.
func (i *image) start(env []string, args ...string) *servers.Process {
	cmd := exec.Command("/pitwall", args...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"LOG_FORMAT=json"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.dir}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: imageUser, Gid: imageUser}
	} else {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: imageUser, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: imageUser, HostID: os.Getegid(), Size: 1}}
	}
	return run(i.t, cmd)
}

// TestBinaryIsStatic: an image without a C library can run it.
func TestBinaryIsStatic(t *testing.T) {
	f, err := elf.Open(imageBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a segment %v", p.Type)
		}
	}
	for _, line := range []string{"FROM scratch", "USER 65532:65532", `CMD ["/pitwall", "check"]`, `ENTRYPOINT ["/pitwall"]`} {
		if !strings.Contains(shipped(t, "Dockerfile"), line) {
			t.Errorf("the Dockerfile has no line %s", line)
		}
	}
}

// With servers of its own the image writes nothing, so it runs read-only. Its certificates
// are those for TLS to Redis and to the keys of tokens; its time zones are in the binary.
func TestImageRunsReadOnly(t *testing.T) {
	ca := newAuthority(t)
	redis := startTLSRedis(t, ca)
	keys := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	keys.TLS = &tls.Config{Certificates: []tls.Certificate{ca.pair}}
	keys.StartTLS()
	t.Cleanup(keys.Close)

	database := testenv.NewDatabase(t)
	i := newImage(t, ca.pem)
	p := i.start([]string{
		"TZ=Asia/Kolkata", "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "LIVE_DRAIN_MS=50",
		"REDIS_URL=rediss://" + redis, "DATABASE_URL=" + database, "MIGRATE=true",
		"AUTH_MODE=jwt", "JWKS_URL=" + keys.URL,
	}, "serve")
	at := awaitServing(t, p)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := at.Get(t, path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	i.check(at)
	if !strings.Contains(p.Output(), `+05:30","level"`) {
		t.Error("the log is not in the time zone of TZ")
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 && !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", imageUser)) {
		t.Errorf("the process runs as another user:\n%s", status)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, ended := p.Wait(e2etest.Patience); !ended || code != 0 {
		t.Errorf("after SIGTERM: exit code %d, ended %v", code, ended)
	}
}

// A certificate of an authority that the image does not trust is refused.
func TestImageTrustsOnlyItsCertificates(t *testing.T) {
	redis := startTLSRedis(t, newAuthority(t))
	p := newImage(t, newAuthority(t).pem).start([]string{
		"HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "REDIS_URL=rediss://" + redis, "DATABASE_URL=" + testenv.NewDatabase(t),
	}, "serve")
	testenv.Eventually(t, e2etest.Patience, "the refused certificate", func() bool {
		return strings.Contains(p.Output(), "certificate signed by unknown authority") || !p.Running()
	})
	if !strings.Contains(p.Output(), "certificate signed by unknown authority") {
		t.Errorf("the log does not say why:\n%s", p.Output())
	}
}

// Without servers of its own the image writes to DATA_DIR only.
func TestImageWithTheEmbeddedDatabase(t *testing.T) {
	i := newImage(t, "")
	data := filepath.Join(i.dir, "data")
	if err := os.Chmod(i.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(data, imageUser, imageUser); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(i.dir, 0o555); err != nil {
		t.Fatal(err)
	}
	p := i.start([]string{"HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "DATA_DIR=/data", "EMBEDDED_REDIS_ADDR=127.0.0.1:0", "LIVE_DRAIN_MS=50"}, "serve")
	at := awaitServing(t, p)
	if status, body := at.Get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, body)
	}
	i.check(at)
	if files, err := os.ReadDir(data); err != nil || len(files) == 0 {
		t.Errorf("DATA_DIR holds %v, %v", files, err)
	}
}

// startTLSRedis starts a redis-server that speaks TLS on one of its ports, and returns
// the address of that.
func startTLSRedis(t *testing.T, ca *authority) (addr string) {
	t.Helper()
	dir := t.TempDir()
	ca.write(t, dir)
	err := servers.OnFreePort(func(port int) error {
		addr = "127.0.0.1:" + strconv.Itoa(port)
		r, err := servers.StartRedis(dir, "--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no",
			"--tls-cert-file", filepath.Join(dir, "fullchain.pem"), "--tls-key-file", filepath.Join(dir, "privkey.pem"))
		if err == nil {
			t.Cleanup(func() { _ = r.End(syscall.SIGKILL) })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
