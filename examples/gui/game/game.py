"""Tag, over UDP: move the mouse; who is it gives that away by touching somebody.

    python examples/gui/game/game.py 127.0.0.1 4712

`udp_relay.py` is the server. Frames and network share one loop: what pygame's clock would sleep
through is a wait of the collection. So a datagram is seen when it comes, and not with the next
frame, and there is no thread.
"""

import argparse
import itertools
import math
import signal
from collections import deque
from typing import Final

import pygame
from player import Condition, Player
from wire import Place

from reactor import ReactorError, WaitStateCollection, open_datagram
from reactor.hosts import pygame as pygame_host

FPS: Final = 60
SIZE: Final = (640, 640)  # pixels, at first
RADIUS: Final = 0.03  # of a dot, in the room; two that meet have touched
TRAIL: Final = 18  # frames
HUE: Final = 137.5  # degrees from a number to the next: no two of sixteen are alike
GROUND, LINES, TEXT = "#12161c", "#1e252f", "#c8d2dc"
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class View:
    """What the user sees.

    Args:
        screen: all of it is drawn, at whatever size.
        player: who sees it.
    """

    def __init__(self, screen: pygame.Surface, player: Player) -> None:
        self.screen = screen
        self.player = player
        self.font = pygame.font.Font(None, 22)
        self._trails: dict[int, deque[Place]] = {}

    def draw(self, fps: float) -> None:
        """Draw one frame."""
        self._floor()
        player = self.player
        places = player.others()
        if player.condition is Condition.PLAYING:
            places[player.number] = player.place  # at once: nobody waits for himself
        self._trails = {number: self._trail(number, place) for number, place in places.items()}
        for number, trail in self._trails.items():
            self._dot(number, trail)
        self._words(len(places), fps)

    def _trail(self, number: int, place: Place) -> "deque[Place]":
        trail = self._trails.get(number) or deque(maxlen=TRAIL)
        trail.append(place)
        return trail

    def _floor(self) -> None:
        self.screen.fill(GROUND)
        width, height = self.screen.get_size()
        for number in range(1, 10):
            x, y = number * width // 10, number * height // 10
            pygame.draw.line(self.screen, LINES, (x, 0), (x, height))
            pygame.draw.line(self.screen, LINES, (0, y), (width, y))

    def _dot(self, number: int, trail: "deque[Place]") -> None:
        width, height = self.screen.get_size()
        radius = RADIUS * min(width, height)
        colour = pygame.Color.from_hsva(number * HUE % 360, 65, 95, 100)
        points = [(round(x * width), round(y * height)) for x, y in trail]
        for age, (before, point) in enumerate(itertools.pairwise(points), 1):
            share = age / len(points)
            faint = pygame.Color(GROUND).lerp(colour, 0.5 * share * share)
            thickness = max(1, round(radius * share * 0.8))
            pygame.draw.line(self.screen, faint, before, point, 2 * thickness)
            pygame.draw.aacircle(self.screen, faint, point, thickness)
        pygame.draw.aacircle(self.screen, colour, points[-1], round(radius))
        if number == self.player.it:
            pygame.draw.aacircle(self.screen, TEXT, points[-1], round(radius * 1.5), 2)
        if number == self.player.number:
            pygame.draw.aacircle(self.screen, GROUND, points[-1], round(radius * 0.4))

    def _words(self, player_count: int, fps: float) -> None:
        player = self.player
        latency = "-" if player.latency is None else f"{player.latency * 1000:.1f}"
        figures = f"latency {latency} ms    {fps:.0f} frames/s    {player_count} here"
        self.screen.blit(self.font.render(figures, True, TEXT), (12, 12))
        told = player.condition.value
        if player.condition is Condition.PLAYING:
            told = (
                "you are it: touch somebody" if player.it == player.number else "run from the ring"
            )
        words = self.font.render(told, True, TEXT)
        width, height = self.screen.get_size()
        self.screen.blit(words, words.get_rect(midbottom=(width // 2, height - 12)))


def wandering(moment: float, number: int) -> Place:
    """Return where somebody is who wanders about by himself."""
    turn = moment * (0.9 + 0.13 * number) + 2.4 * number
    return 0.5 + 0.4 * math.sin(turn), 0.5 + 0.4 * math.sin(1.37 * turn + number)


class Game:
    """The loop of the program, which is also that of the collection.

    Args:
        collection: not attached yet.
        player: whose place is where the mouse is.
        wanders: whether he does not look at the mouse.
    """

    def __init__(self, collection: WaitStateCollection, player: Player, *, wanders: bool) -> None:
        self.collection = collection
        self.player = player
        self.wanders = wanders
        self.goes_on = True

    def run(self, screen: pygame.Surface) -> None:
        """Play until the user has enough."""
        view = View(screen, self.player)
        with pygame_host.attach(self.collection, fps=FPS) as frames:
            while self.goes_on:
                for event in pygame.event.get():
                    self.take(event)
                if self.wanders:
                    self.player.place = wandering(self.collection.time(), 0)
                view.draw(frames.get_fps())
                pygame.display.flip()
                frames.tick()  # here datagrams come and go
            self.player.leave()

    def take(self, event: pygame.event.Event) -> None:
        """Do what the user does."""
        if event.type == pygame.QUIT or (
            event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE
        ):
            self.end()
        elif event.type == pygame.MOUSEMOTION:
            width, height = pygame.display.get_window_size()
            self.player.place = event.pos[0] / width, event.pos[1] / height

    def end(self) -> None:
        """Show no further frame."""
        self.goes_on = False


def shown_screen() -> pygame.Surface:
    """Open the window."""
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_caption("Tag")
    return pygame.display.set_mode(SIZE, pygame.RESIZABLE)


def main() -> None:
    """Play until the window is closed."""
    parser = argparse.ArgumentParser(description="Tag, over UDP.")
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("port", nargs="?", default="4712", help="default: %(default)s")
    parser.add_argument("--wander", action="store_true", help="move about without a mouse")
    options = parser.parse_args()
    collection = WaitStateCollection("game")
    player = Player(collection)
    game = Game(collection, player, wanders=options.wander)
    where = {"remote_address": options.host, "remote_port": options.port}
    try:
        open_datagram(collection, lambda: player, **where)
        screen = shown_screen()
        for number in SIGNALS:  # SDL takes those that nobody has
            collection.on_signal(number, game.end)
        game.run(screen)
    except ValueError as error:
        parser.error(str(error))
    except (ReactorError, pygame.error) as error:  # the latter: there is no display
        parser.exit(1, f"game: {error}\n")
    finally:
        collection.close()
        pygame.quit()


if __name__ == "__main__":
    main()
