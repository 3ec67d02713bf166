"""One file a layout: what registers it is where its file lies.

    TITLE                                    what it is, in a few words
    recognise(survey) -> list[Clue]          cheap: whether the folder may have the layout, and in which documents
    read(survey, clue, options) -> Found     all that it says

Names that begin with an underscore are no layouts.
"""
