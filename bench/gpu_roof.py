"""What the GPU reaches at most: a copy in its memory and a product of large BF16 matrices, by PyTorch, on random data."""
import torch


def seconds(run, n=10):
    for _ in range(3):
        run()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(n):
        run()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1e3 / n


a = torch.randn(1 << 30, device="cuda")
b = torch.empty_like(a)
t = seconds(lambda: b.copy_(a))
print(f"device memory: {2 * a.numel() * 4 / t * 1e-9:.0f} GB/s, read and written")
del a, b
n = 8192
x, y = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
t = seconds(lambda: x @ y)
print(f"BF16 products: {2 * n**3 / t * 1e-12:.0f} Tflop/s")
host = torch.empty(1 << 28, pin_memory=True)
there = torch.empty_like(host, device="cuda")
t = seconds(lambda: there.copy_(host, non_blocking=True))
print(f"host to device: {host.numel() * 4 / t * 1e-9:.1f} GB/s")
