"""What a WFM is held to, theme by theme; every check reads only the record."""
