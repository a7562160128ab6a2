"""Makes `game.png` anew: the game of the examples, without a display.

    python docs/pictures/game.py

Nothing here is run when the pages are built. It takes five seconds, and pygame-ce. Server, players
and window are in one loop.
"""

import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SIZE: Final = (520, 400)
FRAMES: Final = 270  # until the figures have settled, and some have met
OTHERS: Final = 5

sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "gui" / "game")]
os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame  # noqa: E402
from game import FPS, View, wandering  # noqa: E402
from player import Player  # noqa: E402
from udp_relay import Relay  # noqa: E402

from reactor import WaitStateCollection, open_datagram  # noqa: E402
from reactor.hosts import pygame as pygame_host  # noqa: E402


def main() -> None:
    """Let some players wander about, and take a picture of what one of them sees."""
    pygame.display.init()
    pygame.font.init()
    screen = pygame.display.set_mode(SIZE)
    collection = WaitStateCollection("picture")
    server = open_datagram(
        collection, lambda: Relay(collection), local_address="127.0.0.1", local_port=0
    )
    port = server.get_extra_info("sockname")[1]
    players = [Player(collection) for _ in range(OTHERS + 1)]
    for player in players:
        open_datagram(
            collection, lambda one=player: one, remote_address="127.0.0.1", remote_port=port
        )
    view = View(screen, players[0])
    with pygame_host.attach(collection, fps=FPS) as frames:
        for frame in range(FRAMES):
            for number, player in enumerate(players):
                player.place = wandering(frame / FPS, number)
            view.draw(frames.get_fps())
            frames.tick()
    collection.close()
    pygame.image.save(screen, Path(__file__).with_suffix(".png"))
    pygame.quit()


if __name__ == "__main__":
    main()
