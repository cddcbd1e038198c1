"""A WebSocket peer made of python3-autobahn: `server` echoes and does what it is told, `client` checks a server."""
import argparse
import asyncio
import os
import ssl
import sys
from urllib.parse import urlparse

from autobahn.asyncio.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

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


class Answering:
    """What a server does with a message."""

    def onConnect(self, request):
        return next((name for name in self.factory.protocols if name in request.protocols), None)

    def onMessage(self, payload, is_binary):
        message = None if is_binary else payload.decode()
        if message == "ping:":
            self.sendPing(b"are you there")
        elif message == "fragments:":
            self.sendMessage(b"one two three", False, fragmentSize=4)
        elif message == "agreed:":
            extensions = " ".join(e.EXTENSION_NAME for e in self.websocket_extensions_in_use)
            self.sendMessage(f"{self.websocket_protocol_in_use} {extensions}".strip().encode())
        elif message is not None and message.startswith("close: "):
            _, code, reason = message.split(" ", 2)
            self.sendClose(int(code), reason)
        else:
            self.sendMessage(payload, is_binary)

    def onPong(self, payload):
        self.sendMessage(b"pong:")

    def onClose(self, was_clean, code, reason):
        print(f"closed {code} {reason}", flush=True)


class AnsweringProtocol(Answering, WebSocketServerProtocol):
    pass


class CheckingProtocol(WebSocketClientProtocol):
    """Puts messages, pongs and the end into a queue."""

    def onOpen(self):
        self.factory.opened.set_result(self)

    def onMessage(self, payload, is_binary):
        self.factory.heard.put_nowait((payload, is_binary))

    def onPong(self, payload):
        self.factory.heard.put_nowait(("pong", payload))

    def onClose(self, was_clean, code, reason):
        if not self.factory.opened.done():
            self.factory.opened.set_exception(RuntimeError(str(reason)))
        self.factory.heard.put_nowait(("closed", code, reason))


def agree(factory, args):
    factory.setProtocolOptions(openHandshakeTimeout=20, closeHandshakeTimeout=20)
    if not args.compress:
        return
    if args.role == "server":

        def accept(offers):
            for offer in offers:
                if isinstance(offer, PerMessageDeflateOffer):
                    return PerMessageDeflateOfferAccept(offer)

        factory.setProtocolOptions(perMessageCompressionAccept=accept)
    else:

        def accept(response):
            if isinstance(response, PerMessageDeflateResponse):
                return PerMessageDeflateResponseAccept(response)

        factory.setProtocolOptions(
            perMessageCompressionOffers=[PerMessageDeflateOffer()], perMessageCompressionAccept=accept
        )


async def serve(args):
    factory = WebSocketServerFactory(protocols=[args.subprotocol] if args.subprotocol else None)
    factory.protocol = AnsweringProtocol
    agree(factory, args)
    context = None
    if args.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(args.cert, args.key)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


async def connected(args):
    loop = asyncio.get_running_loop()
    factory = WebSocketClientFactory(args.url, protocols=[args.subprotocol] if args.subprotocol else None)
    factory.protocol = CheckingProtocol
    factory.opened = loop.create_future()
    factory.heard = asyncio.Queue()
    agree(factory, args)
    url = urlparse(args.url)
    context = ssl.create_default_context(cafile=args.ca) if args.ca else None
    await loop.create_connection(
        factory, url.hostname, url.port, ssl=context, server_hostname=url.hostname if context else None
    )
    return await asyncio.wait_for(factory.opened, 10), factory.heard


async def check(args):
    peer, heard = await connected(args)
    hear = lambda: asyncio.wait_for(heard.get(), 10)
    for payload, is_binary in [
        (b"", False),
        ("text µ€😀".encode(), False),
        (b"", True),
        (bytes(range(256)), True),
        (b"x" * MIB, False),
        (bytes(MIB), True),
    ]:
        peer.sendMessage(payload, is_binary)
        assert await hear() == (payload, is_binary), f"echo of {payload[:16]!r}"
    peer.sendMessage("fragmented µ".encode(), False, fragmentSize=3)
    assert await hear() == ("fragmented µ".encode(), False), "fragmented text"
    peer.sendPing(b"there?")
    assert await hear() == ("pong", b"there?"), "pong"
    for number in range(200):
        peer.sendMessage(f"burst {number}".encode())
    for number in range(200):
        assert await hear() == (f"burst {number}".encode(), False), "a burst"
    assert peer.websocket_protocol_in_use == args.subprotocol, f"{peer.websocket_protocol_in_use}"
    assert bool(peer.websocket_extensions_in_use) == args.compress, f"{peer.websocket_extensions_in_use}"
    peer.sendClose(4001, "their reason")
    assert (await hear())[:2] == ("closed", 4001), "close code"
    peer, heard = await connected(args)
    peer.sendMessage(b"close: 4002 our reason")
    assert await heard.get() == ("closed", 4002, "our reason"), "the other's close code"
    print("all is well", flush=True)


args = arguments()
try:
    asyncio.run(serve(args) if args.role == "server" else check(args))
except KeyboardInterrupt:
    sys.exit(0)
