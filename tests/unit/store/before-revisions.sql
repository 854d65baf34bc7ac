-- A file as releases before the first revision made it: their tables, and what they wrote.
CREATE TABLE callback_request (
	id VARCHAR(36) NOT NULL,
	extension VARCHAR(10) NOT NULL,
	did VARCHAR(16) NOT NULL,
	number VARCHAR(16),
	state VARCHAR(10) NOT NULL,
	outcome VARCHAR(32),
	cause VARCHAR(64),
	destination VARCHAR(16),
	created BIGINT NOT NULL,
	due BIGINT NOT NULL,
	joined INTEGER NOT NULL,
	holder VARCHAR(64),
	lease_until BIGINT,
	node VARCHAR(64),
	attempt VARCHAR(36),
	ended BIGINT,
	PRIMARY KEY (id)
);
INSERT INTO "callback_request" VALUES('00000000-4000-8000-0000-000000000001','100','+12025550101','+12125550101','pending',NULL,NULL,NULL,1700000000000004,1700000000000006,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "callback_request" VALUES('00000000-4000-8000-0000-000000000003','100','+12025550101','+12125550102','calling',NULL,NULL,NULL,1700000000000004,1700000000000005,0,'one',1700000000000200,'n1','00000000-4000-8000-0000-000000000006',NULL);
INSERT INTO "callback_request" VALUES('00000000-4000-8000-0000-000000000004','300','+442079460300','+12125550101','answered',NULL,NULL,NULL,1700000000000004,1700000000000005,0,'one',1700000000000300,'n1','00000000-4000-8000-0000-000000000007',NULL);
INSERT INTO "callback_request" VALUES('00000000-4000-8000-0000-000000000005','100','+12025550102','+12125550103','done','connected','NORMAL_CLEARING','+12125550199',1700000000000004,1700000000000005,0,NULL,NULL,'n1','00000000-4000-8000-0000-000000000008',1700000000000400);
INSERT INTO "callback_request" VALUES('00000000-4000-8000-0000-000000000009','200','+12025550200',NULL,'refused','hidden',NULL,NULL,1700000000000500,1700000000000500,0,NULL,NULL,NULL,NULL,1700000000000500);
INSERT INTO "callback_request" VALUES('00000000-4000-8000-0000-00000000000a','200','+12025550200','+12125550101','refused','off',NULL,NULL,1700000000000501,1700000000000501,0,NULL,NULL,NULL,NULL,1700000000000501);
CREATE TABLE did (
	number VARCHAR(16) NOT NULL,
	extension VARCHAR(10) NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (number),
	FOREIGN KEY(extension) REFERENCES extension (extension) ON DELETE CASCADE
);
INSERT INTO "did" VALUES('+12025550102','100',0);
INSERT INTO "did" VALUES('+12025550101','100',1);
INSERT INTO "did" VALUES('+12025550200','200',0);
INSERT INTO "did" VALUES('+442079460300','300',0);
INSERT INTO "did" VALUES('+12025550400','0400',0);
CREATE TABLE extension (
	extension VARCHAR(10) NOT NULL,
	policy TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (extension)
);
INSERT INTO "extension" VALUES('100','{"extension":"100","country":"US","caller_id_number":"+12025550150","caller_id_name":"","enabled":true,"ring_seconds":5,"delay_seconds":3,"return_ring_seconds":30,"password_hash":null,"dial_seconds":30,"destination_ring_seconds":45,"longest_call_seconds":3600,"return_countries":[],"destination_countries":[],"sound_before_disconnecting":null}',1700000000000000);
INSERT INTO "extension" VALUES('200','{"extension":"200","country":"US","caller_id_number":"+12025550150","caller_id_name":"","enabled":false,"ring_seconds":5,"delay_seconds":3,"return_ring_seconds":30,"password_hash":"$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$Qp3l2xN7D1mX0bV4tYw8aZcK5jH6sRfE9uGiOoLkMnI","dial_seconds":30,"destination_ring_seconds":45,"longest_call_seconds":3600,"return_countries":[],"destination_countries":[],"sound_before_disconnecting":null}',1700000000000001);
INSERT INTO "extension" VALUES('300','{"extension":"300","country":"GB","caller_id_number":"+442079460300","caller_id_name":"Zoë & Söhne (Büro)","enabled":true,"ring_seconds":60,"delay_seconds":0,"return_ring_seconds":120,"password_hash":null,"dial_seconds":300,"destination_ring_seconds":5,"longest_call_seconds":86400,"return_countries":["GB","FR","GB"],"destination_countries":["US"],"sound_before_disconnecting":"/var/lib/sounds/over.wav"}',1700000000000002);
INSERT INTO "extension" VALUES('0400','{"extension":"0400","country":"US","caller_id_number":"+12025550999","caller_id_name":"","enabled":false,"ring_seconds":5,"delay_seconds":3,"return_ring_seconds":30,"password_hash":null,"dial_seconds":30,"destination_ring_seconds":45,"longest_call_seconds":3600,"return_countries":[],"destination_countries":[],"sound_before_disconnecting":null}',1700000000000003);
CREATE INDEX callback_request_due ON callback_request (state, due);
CREATE UNIQUE INDEX callback_request_open ON callback_request (extension, number) WHERE state IN ('pending', 'calling', 'answered');
CREATE INDEX ix_did_extension ON did (extension);
