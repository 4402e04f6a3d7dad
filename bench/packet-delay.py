"""A path of packets, not of bytes: TCP's handshake and slow start cross it, as they do over a real distance.

Usage: packet-delay.py DELAY_MS DEVICE LOCAL REMOTE. Makes a TUN device with the address LOCAL (needs root, Linux) and
sends back, DELAY_MS of round trip later, what is sent to REMOTE, with the two addresses exchanged: whoever connects to
REMOTE reaches LOCAL. The checksums stay right, for the exchange does not change their sums. Says "up"; ends with its input.
"""

import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

delay_ms, device, local, remote = sys.argv[1:]
one_way_s = float(delay_ms) / 2000
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
subprocess.check_call(["ip", "address", "add", local, "peer", remote, "dev", device])
subprocess.check_call(["ip", "link", "set", device, "up"])
# Linux's default, whatever this machine prefers: others (bbr) pace a first flight that cubic sends at once.
subprocess.check_call(["ip", "route", "replace", remote, "dev", device, "src", local, "congctl", "cubic"])
print("up", flush=True)

packets = collections.deque()
while True:
    timeout = max(0.0, packets[0][0] - time.monotonic()) if packets else None
    readable, _, _ = select.select([tun, sys.stdin], [], [], timeout)
    if sys.stdin in readable:
        break
    if tun in readable:
        packet = os.read(tun, 65536)
        if packet[0] >> 4 == 4:
            packets.append((time.monotonic() + one_way_s, packet))
    while packets and packets[0][0] <= time.monotonic():
        packet = packets.popleft()[1]
        os.write(tun, packet[:12] + packet[16:20] + packet[12:16] + packet[20:])
