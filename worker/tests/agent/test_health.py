"""What a node's exporter and kernel log become."""

import http.server
import pathlib
import shutil
import tempfile
import threading
import unittest

from longhaul_agent.health import Exporter, Health, KernelLog, readings

TEXT = """# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).
# TYPE DCGM_FI_DEV_GPU_TEMP gauge
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-1",device="nvidia0",modelName="NVIDIA H100",Hostname="a"} 45
DCGM_FI_DEV_GPU_TEMP{gpu="1",UUID="GPU-2",device="nvidia1",modelName="NVIDIA H100",Hostname="a"} 47
DCGM_FI_DEV_XID_ERRORS{gpu="1",UUID="GPU-2",device="nvidia1",Hostname="a",err_code="0"} 0
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-2",device="nvidia1",Hostname="a"} 70000
DCGM_FI_DEV_GPU_UTIL{gpu="1"""


class HealthCase(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-health-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.records = []

    def test_fields_of_health_are_read_and_nothing_else(self):
        self.assertEqual({("DCGM_FI_DEV_GPU_TEMP", 0): "45", ("DCGM_FI_DEV_GPU_TEMP", 1): "47",
                          ("DCGM_FI_DEV_XID_ERRORS", 1): "0"}, readings(TEXT))

    def test_everything_comes_first_then_changes_then_everything_again(self):
        file = self.directory / "metrics.txt"
        file.write_text(TEXT)
        exporter = Exporter(str(file))
        self.assertEqual(3, len(exporter.news(100).splitlines()))
        self.assertEqual("", exporter.news(110))
        file.write_text(TEXT.replace('err_code="0"} 0', 'err_code="79"} 79'))
        self.assertEqual('DCGM_FI_DEV_XID_ERRORS{gpu="1"} 79\n', exporter.news(120))
        self.assertEqual(3, len(exporter.news(160).splitlines()))

    def test_an_exporter_is_asked_by_its_url(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(TEXT.encode())

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.assertIn('XID_ERRORS{gpu="1"} 0', Exporter(f"http://127.0.0.1:{server.server_address[1]}/metrics").news(0))

    def test_new_lines_of_trouble_are_told_once_over_a_rotation_too(self):
        file = self.directory / "kern.log"
        file.write_text("NVRM: Xid (PCI:0000:3b:00): 79, before the agent\n")
        log = KernelLog(str(file))
        log.start()
        self.assertEqual([], log.news())
        with open(file, "a", encoding="utf-8") as out:
            out.write("eth0: link becomes ready\n6,3,99,-;NVRM: Xid (PCI:0000:3b:00): 48, DBE\nNVRM: X")
        self.assertEqual(["NVRM: Xid (PCI:0000:3b:00): 48, DBE"], log.news())
        with open(file, "a", encoding="utf-8") as out:
            out.write("id (PCI:0000:3b:00): 63\n")
        self.assertEqual(["NVRM: Xid (PCI:0000:3b:00): 63"], log.news())
        file.rename(self.directory / "kern.log.1")
        file.write_text("Out of memory: Killed process 5 (python3)\n")
        self.assertEqual(["Out of memory: Killed process 5 (python3)"], log.news())

    def test_a_source_that_is_not_there_is_said_once(self):
        health = Health({}, self.records.append)
        health._exporter = Exporter(str(self.directory / "none"))
        health.poll()
        health.poll()
        self.assertEqual(["agent"], [record["stream"] for record in self.records])
        self.assertIn("DCGM_EXPORTER cannot be read", self.records[0]["line"])

    def test_what_is_found_becomes_records(self):
        metrics, log = self.directory / "metrics.txt", self.directory / "kern.log"
        metrics.write_text(TEXT)
        log.write_text("")
        health = Health({}, self.records.append)
        health._exporter, health._log = Exporter(str(metrics)), KernelLog(str(log))
        health._log.start()
        log.write_text("mce: [Hardware Error]: CPU 3\n")
        health.poll()
        self.assertEqual(["gpu-health", "log-line"], [record["kind"] for record in self.records])
        self.assertEqual("kernel", self.records[1]["stream"])


if __name__ == "__main__":
    unittest.main()
