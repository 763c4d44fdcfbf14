"""What a picture's file is made of, walked before a decoder sees it: how much there is, and which parts show it."""
