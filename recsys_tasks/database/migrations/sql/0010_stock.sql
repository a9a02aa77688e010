-- For recommend(): what is out of stock is looked up among what is out of stock, a far smaller index than all items'.
CREATE INDEX item_out_of_stock ON recsys.item_availability (item_id) WHERE NOT available;
