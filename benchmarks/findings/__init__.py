"""Photographs of things that nobody marked: hung, lying, framed, half hidden; is what they show found, and known?"""
