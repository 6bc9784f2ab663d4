package pprofile

import (
	"math/rand/v2"
	"testing"
)

func TestThinningKeepsSumsOnAverage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)).Float64
	const stacks, rounds = 20, 500
	var count, value float64
	for range rounds {
		process := &Process{}
		for range stacks { // each seen once: most of them go
			process.Stacks = append(process.Stacks, &Stack{Value: 20e6, Count: 1})
			process.Count++
		}
		thin := process.Thin(0.1, random)
		count += float64(thin.Count)
		for _, stack := range thin.Stacks {
			value += float64(stack.Value)
		}
	}
	all := float64(stacks * rounds)
	if share := count / all; share < 0.09 || share > 0.11 {
		t.Errorf("%.3f of the samples are kept, 0.1 are wanted", share)
	}
	if ratio := value / (all * 20e6); ratio < 0.9 || ratio > 1.1 {
		t.Errorf("the kept ones stand for %.3f of the whole", ratio)
	}
}

func TestAShareOfOneKeepsAll(t *testing.T) {
	process := &Process{Count: 3}
	if process.Thin(1, nil) != process {
		t.Error("it is another process")
	}
}
