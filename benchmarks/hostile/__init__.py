"""Requests from someone who means harm, or whose program is broken: what they are made of, and how they are judged."""
