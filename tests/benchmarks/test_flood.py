"""A connection of the flood's sender, against a server that closes it when it likes."""

import selectors
import socket
import threading

from benchmarks.serve.flood import Line


def test_a_connection_that_is_closed_while_idle_is_no_answer_and_opened_again() -> None:
    def serve() -> None:
        for _ in range(2):
            connection, _ = listening.accept()
            with connection:
                received = b""
                while not received.endswith(b"body"):
                    received += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as listening, selectors.DefaultSelector() as selector:
        server = threading.Thread(target=serve)
        server.start()
        line = Line(listening.getsockname()[1], selector)
        for _ in range(2):
            found: list[str | None] = [line.ask(b"body")]
            while selector.get_map():
                found += [key.data.go_on(events) for key, events in selector.select(10)]
            assert [status for status in found if status is not None] == ["200"]
        server.join()
