"""A client: `from service.client import LinkClient`, or `python -m service.client link photo.jpg --box 1,2,30,40`."""

from service.client.client import LinkClient
from service.client.connection import LinkError

__all__ = ["LinkClient", "LinkError"]
