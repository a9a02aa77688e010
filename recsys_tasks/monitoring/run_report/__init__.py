"""The night's run report, one HTML page: facts collected → a view of them → the page.

`facts` reads what the stages wrote, `evidence` measures what none of them did, `view` turns both
into words, tables and charts without reading anything, `page` draws them, `store` keeps the page in
the lake and takes a user out of it.
"""
