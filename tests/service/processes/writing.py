"""What another process of the tests does: a module of its own, since that process imports it."""

from service.processes.memory import Board, Memory, Share


def write(memory: Memory, board: Board) -> None:
    """Leaves something where its parent looks."""
    memory.bytes[3] = 7
    Share(board, 1, Board.HELD).add(5)
