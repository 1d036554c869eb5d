"""FastAPI on uvicorn: a coroutine, a function in the pool of threads, one that depends on another. fastapi_app.py PORT"""
import sys

import fastapi
import uvicorn
from work import burn, spent

app = fastapi.FastAPI()


async def user():
    return "somebody"


@app.get("/home")
async def home():
    return burn("home")


@app.get("/cart")
def cart():
    return burn("cart")


@app.get("/pay")
async def pay(who=fastapi.Depends(user)):
    return burn("pay")


@app.get("/spent")
async def told():
    return spent


uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
