"""turing"""
