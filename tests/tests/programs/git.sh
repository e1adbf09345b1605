# A repository made on the spot: many commits, branches, merges, gc, fsck, clone and bundle.
# Only what does not depend on time or place is printed.
set -eu
HOME=$PWD; export HOME
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
stamp() { GIT_AUTHOR_DATE="$((1700000000 + $1 * 60)) +0000"; GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
          export GIT_AUTHOR_DATE GIT_COMMITTER_DATE; }

git -c init.defaultBranch=main init -q repository
cd repository
git config gc.auto 0
for i in $(seq 1 60); do
    mkdir -p "part$((i % 7))"
    seq "$i" "$((i * 150))" > "part$((i % 7))/numbers$((i % 20)).txt"
    seq -f 'line %g of file' "$i" 3 "$((i * 50))" > "text$((i % 5)).txt"
    git add -A
    stamp "$i"
    git commit -q -m "commit $i"
    if [ $((i % 15)) -eq 0 ]; then
        git checkout -q -b "branch$i" HEAD~5
        seq "$i" 4000 > "only-on-branch$i.txt"
        git add -A
        git commit -q -m "on branch $i"
        git checkout -q main
        git merge -q -m "merge $i" "branch$i"
    fi
done
git tag -a -m first v1 HEAD~10
git rev-parse HEAD 'HEAD^{tree}' v1
git fsck --full --strict
git gc -q --aggressive --prune=now
git repack -q -a -d -f --depth=50 --window=50
git fsck --full
git count-objects -v | grep -E '^(count|in-pack|garbage)'
git log --stat --format='%H %s' | git hash-object --stdin
git log -p --all --full-history | git hash-object --stdin
git blame text0.txt | git hash-object --stdin
git diff --stat HEAD~30 HEAD | tail -1
git grep -c 'line 1' HEAD | head -5
git archive HEAD | git hash-object --stdin
git rev-list --objects --all | sort | git hash-object --stdin
git bundle create -q ../all.bundle --all
cd ..
git clone -q all.bundle copy
git -C copy fsck --full
git -C copy rev-parse HEAD
git -C copy status --porcelain
