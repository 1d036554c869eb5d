"""Spends its time in one function of two: named.py mine|theirs"""
import sys


def spin():
    for _ in range(1000): pass


def mine():
    while True: spin()


def theirs():
    while True: spin()


globals()[sys.argv[1]]()
