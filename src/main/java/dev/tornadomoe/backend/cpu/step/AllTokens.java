package dev.tornadomoe.backend.cpu.step;

/// Every token through the same projection: router and shared expert. Cut into blocks, so that many
/// tokens keep many threads busy.
public final class AllTokens implements TokenGroups {
  private static final int BLOCK = 64;

  private int tokens;

  @Override
  public int begin(int newTokens) {
    tokens = newTokens;
    return Math.ceilDiv(newTokens, BLOCK);
  }

  static int mostOf(int maxTokens) {
    return Math.min(BLOCK, maxTokens);
  }

  @Override
  public int projection(int group) {
    return 0;
  }

  @Override
  public int size(int group) {
    return Math.min(BLOCK, tokens - group * BLOCK);
  }

  @Override
  public long input(int group, int i) {
    return (long) group * BLOCK + i;
  }

  @Override
  public long output(int group, int i) {
    return input(group, i);
  }
}
