"""scripts/download_data.sh against a server on this machine. Exit code 77 (skipped) without curl."""

import hashlib
import http.server
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

if not shutil.which("curl"):
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts" / "download_data.sh"
DATA = bytes(range(256)) * 40
MD5 = hashlib.md5(DATA).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves DATA, from any byte on."""

    asked = []

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted[6:].split("-")[0]) if wanted else 0
        if start >= len(DATA):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        self.end_headers()
        self.wfile.write(DATA[start:])

    def log_message(self, *arguments):
        pass


class DownloadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "file.gz"
        self.part = self.file.with_name("file.gz.part")
        Server.asked.clear()

    def fetch(self, md5=MD5):
        url = f"http://127.0.0.1:{self.server.server_port}/file.gz"
        command = f'source "{SCRIPT}"; set -e; fetch "{url}" {md5} "{self.file}"'
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True)

    def expect_good(self):
        result = self.fetch()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.file.read_bytes(), DATA)
        self.assertFalse(self.part.exists())

    def test_fetches_once(self):
        self.expect_good()
        self.expect_good()
        self.assertEqual(Server.asked, [None])

    def test_goes_on_where_it_stopped(self):
        self.part.write_bytes(DATA[:1000])
        self.expect_good()
        self.assertEqual(Server.asked, ["bytes=1000-"])

    def test_takes_a_part_that_is_whole(self):
        self.part.write_bytes(DATA)
        self.expect_good()
        self.assertEqual(Server.asked, [])

    def test_throws_a_wrong_file_away(self):
        result = self.fetch(md5="0" * 32)
        self.assertEqual(result.returncode, 1)
        self.assertIn("wrong checksum", result.stderr)
        self.assertEqual(list(self.file.parent.iterdir()), [])

    def test_refuses_unknown_sets_before_it_fetches_any(self):
        result = subprocess.run(["bash", SCRIPT, "mnist", "minst"], capture_output=True, text=True,
                                cwd=self.file.parent)
        self.assertEqual(result.returncode, 2)
        self.assertIn("unknown data set minst", result.stderr)
        self.assertEqual(list(self.file.parent.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
