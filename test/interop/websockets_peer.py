"""A WebSocket peer made of python3-websockets: `server` echoes and does what it is told, `client` checks a server."""
import argparse
import asyncio
import ssl
import sys

import websockets

MIB = 1024 * 1024


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("--url")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--ca")
    parser.add_argument("--subprotocol")
    parser.add_argument("--compress", action="store_true")
    return parser.parse_args()


def options(args):
    return {
        "compression": "deflate" if args.compress else None,
        "subprotocols": [args.subprotocol] if args.subprotocol else None,
        "max_size": 16 * MIB,
        "ping_interval": None,
    }


async def answer(socket, message):
    """Commands are text with a colon before the first space; everything else comes back as it is."""
    if message == "ping:":
        await asyncio.wait_for(await socket.ping(b"are you there"), 10)
        await socket.send("pong:")
    elif message == "fragments:":
        await socket.send(["one ", "two ", "three"])
    elif message == "agreed:":
        await socket.send(f"{socket.subprotocol} {' '.join(e.name for e in socket.extensions)}".strip())
    elif isinstance(message, str) and message.startswith("close: "):
        _, code, reason = message.split(" ", 2)
        await socket.close(int(code), reason)
    else:
        await socket.send(message)


async def serve(args):
    async def handler(socket):
        try:
            async for message in socket:
                await answer(socket, message)
        except websockets.ConnectionClosed:
            pass
        print(f"closed {socket.close_code} {socket.close_reason}", flush=True)

    context = None
    if args.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(args.cert, args.key)
    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context, **options(args)) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def check(args):
    context = ssl.create_default_context(cafile=args.ca) if args.ca else None
    async with websockets.connect(args.url, ssl=context, **options(args)) as socket:
        for message in ["", "text µ€😀", b"", bytes(range(256)), "x" * MIB, bytes(MIB)]:
            await socket.send(message)
            assert await socket.recv() == message, f"echo of {message[:16]!r}"
        await socket.send(["frag", "ment", "ed µ"])
        assert await socket.recv() == "fragmented µ", "fragmented text"
        await socket.send([b"\x00\x01", b"\xff", b""])
        assert await socket.recv() == b"\x00\x01\xff", "fragmented binary"
        await asyncio.wait_for(await socket.ping(b"there?"), 10)
        for number in range(200):
            await socket.send(f"burst {number}")
        for number in range(200):
            assert await socket.recv() == f"burst {number}", "a burst"
        assert socket.subprotocol == args.subprotocol, f"subprotocol {socket.subprotocol}"
        assert bool(socket.extensions) == args.compress, f"extensions {socket.extensions}"
        await socket.close(4001, "their reason")
        assert socket.close_code == 4001, f"close code {socket.close_code}"
    async with websockets.connect(args.url, ssl=context, **options(args)) as socket:
        await socket.send("close: 4002 our reason")
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4002, "our reason"), f"{socket.close_code}"
    print("all is well")


args = arguments()
try:
    asyncio.run(serve(args) if args.role == "server" else check(args))
except KeyboardInterrupt:
    sys.exit(0)
