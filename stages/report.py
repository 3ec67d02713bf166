"""placeholder, replaced by the report helper"""
